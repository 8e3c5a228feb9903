/**
  The hash to write before the real one is known: the build fails and prints the real one.

  # Type

  ```
  fakeHash :: String
  ```

  # Examples

  ```nix
  fetchModel { source.huggingface.repo = "microsoft/phi-2"; hash = lib.fakeHash; }
  ```
*/
"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
