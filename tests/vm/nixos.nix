# A machine with models, without a network: who finds them, who does not, and that they go again.
module:
let
  model = {
    source.local.path = ./model;
    fileHashes."config.json" = builtins.hashFile "sha256" ./model/config.json;
    integration.huggingface = {
      enable = true;
      org = "org";
      model = "tiny";
    };
  };
in
{
  name = "ai-models";

  nodes.machine = {
    imports = [ module ];
    users.users = {
      alice.isNormalUser = true;
      bob.isNormalUser = true;
    };
    services.ai-models = {
      enable = true;
      allowedUsers = [ "alice" ];
      models.tiny = model;
      services.reader.models = [ "tiny" ];
    };
    systemd.services.reader = {
      script = ''cat "$TINY_MODEL_PATH/config.json" "$HF_HUB_CACHE"/models--org--tiny/refs/main'';
      serviceConfig = {
        Type = "oneshot";
        DynamicUser = true;
      };
    };
    specialisation = {
      fewer.configuration.services.ai-models.models.tiny.enable = false;
      none.configuration.services.ai-models.enable = false;
    };
  };

  testScript = ''
    cache = "/var/cache/ai-models"
    config = f"{cache}/models/tiny/config.json"
    system = "/run/booted-system"

    machine.wait_for_unit("multi-user.target")
    machine.succeed("systemctl is-active ai-models.service")

    with subtest("an allowed user finds the model, another may not look"):
        machine.succeed(f"su - alice -c 'cat {config}'")
        machine.succeed("su - alice -c 'test \"$HF_HUB_OFFLINE\" = 1'")
        machine.succeed(f"su - alice -c 'cat {cache}/hub/models--org--tiny/refs/main'")
        machine.fail(f"su - bob -c 'cat {config}'")
        assert machine.succeed(f"stat -c '%a %U %G' {cache}").strip() == "750 root ai-models"

    with subtest("a service that names the model starts after it and reads it"):
        machine.succeed("systemctl start reader.service")

    with subtest("what somebody else put into the cache stays"):
        machine.succeed(f"mkdir {cache}/hub/models--foreign--one")

    with subtest("a model that is no longer declared goes"):
        machine.succeed(f"{system}/specialisation/fewer/bin/switch-to-configuration test")
        machine.fail(f"test -e {config}")
        machine.succeed("systemctl is-active ai-models.service")

    with subtest("all comes back, and goes with the module"):
        machine.succeed(f"{system}/bin/switch-to-configuration test")
        machine.succeed(f"test -e {config}")
        machine.succeed(f"{system}/specialisation/none/bin/switch-to-configuration test")
        machine.fail(f"test -L {cache}/models/tiny")
        machine.succeed(f"test -d {cache}/hub/models--foreign--one")
  '';
}
