# How a Hugging Face cache holds a model: the directory of its entry and the names that lead to it;
# null for a model that no cache can hold.
{ source, args }:
let
  inherit (builtins)
    elemAt
    isString
    match
    ;
  text = import ./text.nix;
  wanted = args.integration.huggingface;
  split = match "(([^/]*)/)?([^/]*)" (source.attrs.repo or "");
  org = wanted.org or (if elemAt split 1 == null then "" else elemAt split 1);
  name = wanted.model or (elemAt split 2);
  revision = source.attrs.revision or "main";
in
if source.type != "huggingface" && !(wanted ? model) then
  null
else
  {
    directory = text.hubEntry {
      repo = if org == "" then name else "${org}/${name}";
      kind = source.attrs.kind or "model";
    };
    refs =
      if wanted.refs or [ ] != [ ] then
        map (ref: if isString ref then ref else ref.name) wanted.refs
      else if revision == "main" || match "[0-9a-f]{40}" revision != null then
        [ "main" ]
      else
        [
          "main"
          revision
        ];
  }
