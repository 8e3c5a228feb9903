# What the object stores have in common; `fetchers/objects.py` is the other half.
let
  inherit (builtins)
    elemAt
    filter
    foldl'
    isString
    match
    split
    ;
in
{
  # `//BUCKET/PREFIX`; null when there is no bucket in it.
  parseBucket =
    body:
    let
      found = match "//([^/]+)(/(.*))?" body;
      prefix = elemAt found 2;
    in
    if found == null then
      null
    else
      {
        bucket = elemAt found 0;
        prefix = if prefix == null then "" else prefix;
      };

  # The last part of the prefix, or the bucket's name where there is none.
  lastName =
    bucket:
    {
      prefix ? "",
      ...
    }:
    foldl' (last: part: if part == "" then last else part) bucket (filter isString (split "/" prefix));
}
