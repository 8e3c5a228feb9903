# A model that is fetched at first use: a few kilobytes of links to where it will be, and the command
# `fetch-NAME` that brings it there. It keeps the recipe of the model (its .drv), not the model.
toolchain:
{
  name,
  # The model itself; only its paths are used.
  model,
  # Paths of its files, as far as they are known.
  paths,
  # Its entry of a lock, or null where it is pinned by other means.
  lock,
  # What `internal/hubEntry.nix` says of it.
  entry,
  # Variables of a shell that has the model in scope.
  variables,
  # The package of `nix-ai-model`.
  command,
}:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    filter
    head
    isString
    split
    toJSON
    unsafeDiscardOutputDependency
    unsafeDiscardStringContext
    ;
  text = import ./text.nix;
  unique = list: attrNames (builtins.listToAttrs (map (name: { inherit name; value = null; }) list));

  # NB: without their contexts, or this would have to be built after the model.
  place = unsafeDiscardStringContext model.outPath;
  recipe = unsafeDiscardOutputDependency model.drvPath;

  # The model's entries at the top; all that is below comes with them.
  own = map (path: head (filter isString (split "/" path))) paths;
  cached = if entry == null then [ ] else [ "hub" "blobs" "refs" "snapshots" ];
  links = filter (name: name != "bin" && name != "nix-support") (
    unique (own ++ cached ++ [ ".nix-ai-model-meta.json" ])
  );

  fetch = ''
    #!${toolchain.shell}
    # Brings the model ${name} into the store, unless it is there, and keeps it.
    set -eu
    place=${text.shellWord place}
    root=''${1:-''${XDG_STATE_HOME:-$HOME/.local/state}/nix-ai-models/roots/${name}}
    if [ "$(readlink "$root" 2>/dev/null)" = "$place" ] && nix-store --check-validity "$place" 2>/dev/null; then
      exit 0
    fi
    mkdir -p "$(dirname "$root")"
    ${fetchAsUser}nix-store --realise ${text.shellWord "${recipe}"} --add-root "$root" >/dev/null
  '';
  # Downloads with progress, resumed, with the user's own token; what is built after finds it there.
  fetchAsUser =
    if lock == null then
      ""
    else
      "${command}/bin/nix-ai-model fetch --lock-file \"$(dirname \"$(dirname \"$0\")\")/models.lock.json\" ${text.shellWord name}\n";
in
derivation (
  {
    inherit (toolchain) system;
    inherit name fetch;
    links = concatStringsSep "\n" links;
    inherit place;
    hook = text.shell (
      builtins.mapAttrs (_: value: builtins.replaceStrings [ "@out@" ] [ place ] value) variables
    );
    builder = toolchain.shell;
    PATH = toolchain.path;
    passAsFile = [
      "fetch"
      "hook"
      "links"
      "lock"
    ];
    args = [
      "-euc"
      ''
        mkdir -p "$out/bin" "$out/nix-support"
        while IFS= read -r link || [ -n "$link" ]; do ln -s "$place/$link" "$out/$link"; done <"$linksPath"
        cp "$fetchPath" "$out/bin/fetch-$name"
        chmod 0755 "$out/bin/fetch-$name"
        cp "$hookPath" "$out/nix-support/setup-hook"
        if [ -s "$lockPath" ]; then cp "$lockPath" "$out/models.lock.json"; fi
      ''
    ];
    preferLocalBuild = true;
    lock = if lock == null then "" else toJSON {
      version = 1;
      models.${name} = lock;
    };
  }
)
