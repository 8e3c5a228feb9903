# The kinds of places models come from: type name → how its attributes are checked and named.
{
  azure = import ./azure.nix;
  gcs = import ./gcs.nix;
  git-lfs = import ./git-lfs.nix;
  huggingface = import ./huggingface.nix;
  local = import ./local.nix;
  mlflow = import ./mlflow.nix;
  ollama = import ./ollama.nix;
  s3 = import ./s3.nix;
  url = import ./url.nix;
}
