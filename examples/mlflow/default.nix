# A version of a registered model, without the files that only MLflow itself reads.
{ models }:
models.fetchModel {
  name = "ranker";
  source.mlflow = {
    trackingUri = "https://mlflow.example.org";
    modelName = "ranker";
    modelVersion = "3";
    exclude = [ "MLmodel" ];
  };
  hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
}
