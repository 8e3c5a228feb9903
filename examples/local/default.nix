# A model that lies beside this file, checked against its hash on the way into the store.
{ models }:
models.fetchModel {
  name = "mine";
  source.local.path = ./model;
  fileHashes."config.json" = "sha256-Zlk54NpaohHsmDL/5dy6F20busipXImcJw7CkIKFPFE=";
}
