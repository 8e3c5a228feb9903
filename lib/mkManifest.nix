/**
  Writes down which links should be where, for `nix-ai-model link --manifest`.

  # Inputs

  `links`
  : a list of `{ path; target; model; }`. A path may begin with `~/`.

  `state`
  : the file in which the command remembers what it made, so that it can remove it again.

  `directories`
  : a list of `{ path; mode; owner; group; }`, all but `path` optional.

  `roots`
  : like `links`; Nix keeps what they lead to.

  `environment`
  : null, or `{ path; variables; }`: a file of variables to write.

  # Type

  ```
  mkManifest :: AttrSet -> Derivation
  ```

  # Examples

  ```nix
  mkManifest {
    state = "~/.local/state/nix-ai-models/links.json";
    links = [ { path = "~/models/phi-2"; target = "${phi-2}"; model = "phi-2"; } ];
  }
  ```
*/
{ toolchain, ... }:
{
  state,
  links ? [ ],
  directories ? [ ],
  roots ? [ ],
  environment ? null,
}:
import ./internal/textFile.nix toolchain {
  name = "ai-models-manifest.json";
  text = builtins.toJSON {
    version = 1;
    inherit
      state
      links
      directories
      roots
      environment
      ;
  };
}
