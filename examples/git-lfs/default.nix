# A directory of a git repository whose weights are in Git LFS, at a commit.
{ models }:
models.fetchModel {
  name = "tiny-gpt2";
  source.git-lfs = {
    url = "https://example.org/org/models.git";
    rev = "5f91d94bd9cd7190a9f3216ff93cd1dd95f2c7be";
    subdir = "tiny-gpt2";
    lfsFiles = [ "*.safetensors" ];
  };
  hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
}
