# Git repositories whose weights are in Git LFS.
let
  types = import ../types;
  inherit (builtins)
    elemAt
    match
    ;
  inherit (types)
    bool
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
    # Address of the repository: https, ssh (also git@HOST:PATH) or file.
    url = required (matching "an address of a git repository without a password" "\"https://example.org/org/model.git\"" address);
    # Commit (all 40 digits), tag or branch; by default the repository's own.
    rev = text;
    # Globs of the files in LFS to take; all by default, other ones are left out.
    lfsFiles = listOf text;
    # Globs of the files to take; all by default.
    files = listOf text;
    # Globs of the files to leave out.
    exclude = listOf text;
    # Directory of the repository that is the model.
    subdir = matching "a relative path without `..`" "\"models/tiny\"" "[^/.][^/]*(/[^/.][^/]*)*/?";
    # Whether the files of submodules belong to it.
    submodules = bool;
    # Address of the LFS server; by default what .lfsconfig says, then the repository's own.
    lfsUrl = matching "an http or https address without a password" "\"https://lfs.example.org/org/model\"" "https?://[^/@]+(/.*)?";
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
