# Git repositories whose weights are in Git LFS.
let
  types = import ../types;
  inherit (builtins)
    elemAt
    match
    ;
  inherit (types)
    bool
    field
    listOf
    matching
    required
    text
    ;

  # NB: no password, which everybody could read in the store.
  address = "(https?|ssh|git|file)://([^/:@]+@)?[^@]*|[A-Za-z0-9_][^:/@]*(@[^:/@]+)?:([^:@/][^@]*|/[^/@][^@]*)|/.*";
in
{
  schemes = [ "git-lfs" ];
  example = "git-lfs:https://HOST/PATH.git@main";

  fields = {
    url =
      field "Address of the repository: https, ssh (also git@HOST:PATH) or file." { }
        (required (matching "an address of a git repository without a password" "\"https://example.org/org/model.git\"" address));
    rev = field "Commit (all 40 digits), tag or branch; by default the repository's own." { } text;
    lfsFiles =
      field "Globs of the files in LFS to take; all by default, other ones are left out." { }
        (listOf text);
    files = field "Globs of the files to take; all by default." { } (listOf text);
    exclude = field "Globs of the files to leave out." { } (listOf text);
    subdir =
      field "Directory of the repository that is the model." { }
        (matching "a relative path without `..`" "\"models/tiny\"" "[^/.][^/]*(/[^/.][^/]*)*/?");
    submodules = field "Whether the files of submodules belong to it." { } bool;
    lfsUrl =
      field "Address of the LFS server; by default what .lfsconfig says, then the repository's own." { }
        (matching "an http or https address without a password" "\"https://lfs.example.org/org/model\"" "https?://[^/@]+(/.*)?");
  };

  # An @ before the last / is part of the address, as in git@host:org/model.
  parse =
    body:
    let
      found = match "(.*/|)([^/@]*)(@(.+))?" body;
      rev = elemAt found 3;
    in
    if found == null || match address (elemAt found 0 + elemAt found 1) == null then
      null
    else
      {
        url = elemAt found 0 + elemAt found 1;
        rev = if rev == null then "HEAD" else rev;
      };

  reference =
    {
      url,
      rev ? "HEAD",
      ...
    }:
    "git-lfs:${url}@${rev}";

  name =
    { url, ... }:
    let
      last = elemAt (match "(.*[/:])?([^/:]+)/?" url) 1;
      bare = match "(.+)[.]git" last;
    in
    if bare == null then last else elemAt bare 0;

  revision = attrs: attrs.rev or "HEAD";

  pinned = attrs: if match "[0-9a-f]{40}" (attrs.rev or "") != null then attrs.rev else null;

  environment = [
    "GIT_PASSWORD"
    "GIT_SSH_COMMAND"
    "GIT_USERNAME"
    "NETRC"
    "SSH_AUTH_SOCK"
  ];
}
