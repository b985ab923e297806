package lua

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestDockerClientOnPodman: Podman has Docker's API. A container that was made, but not
// started, needs no rights that a container has not.
func TestDockerClientOnPodman(t *testing.T) {
	t.Parallel()
	podman := program(t, "podman", "the client is tried on it")
	if os.Getuid() != 0 {
		t.Skip("needs root: Podman wants a range of users of its own otherwise")
	}
	runtime, err := exec.LookPath("crun")
	if err != nil {
		runtime = program(t, "runc", "Podman looks for it")
	}
	dir := t.TempDir()
	// Nothing of it is where the host's own Podman has something.
	config := fmt.Sprintf("[engine]\nlock_type = \"file\"\nevents_logger = \"none\"\ncgroup_manager = \"cgroupfs\"\nruntime = \"it\"\n[engine.runtimes]\nit = [%q]\n", runtime)
	if err := os.WriteFile(filepath.Join(dir, "containers.conf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	command := func(args ...string) *exec.Cmd {
		of := []string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--tmpdir", filepath.Join(dir, "tmp"), "--storage-driver", "vfs"}
		cmd := exec.Command(podman, append(of, args...)...)
		cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+filepath.Join(dir, "containers.conf"), "TMPDIR="+dir)
		return cmd
	}
	if out, err := command("info").CombinedOutput(); err != nil {
		t.Skipf("needs podman: it does not begin here: %v\n%s", err, out)
	}
	run(t, command("create", "--name", "web", "--network", "none", "--rootfs", dir, "/nothing"))
	serve(t, command("system", "service", "--time", "0", "unix://"+socket), "unix", socket)
	wantExample(t, "docker", "false web is created", map[string]any{"socket": socket})
	saysAll(t, `local docker = require "client.docker" local o = {socket = ctx.args.s}`, Options{Args: map[string]any{"s": socket}}, []row{
		{`return true, tostring(docker.ping(o))`, "true"},
		{`local c = docker.container(o, "web") return true, tostring(c.running) .. c.restarts .. c.health`, "false0none"},
		{`local c, why = docker.container(o, "other") return true, why`, "status 404: no container with name or ID*"},
		{`local list = docker.get(o, "/containers/json?all=true") return true, #list .. list[1].Names[1]`, "1/web"},
	})
}
