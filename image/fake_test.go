package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeVariable makes this test's program behave as the docker command, with its state in the folder that the variable
// names.
const fakeVariable = "FAKE_DOCKER_STATE"

// token is the registry's password, which no output may contain.
const token = "hush-this-is-the-token"

// state is the folder behind the fake docker command and the fake registry. Its files hold the images of the engine and
// of the registry, and the failures to cause.
type state struct{ dir string }

func (s state) get(name string) string {
	content, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return ""
	}
	return string(content)
}

func (s state) set(name, content string) {
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
		panic(err)
	}
}

// images returns the engine's images by name, or the registry's by digest and tag.
func (s state) images(name string) map[string]inspected {
	images := map[string]inspected{}
	if text := s.get(name); text != "" {
		if err := json.Unmarshal([]byte(text), &images); err != nil {
			panic(err)
		}
	}
	return images
}

func (s state) keep(name, ref string, i inspected) {
	images := s.images(name)
	images[ref] = i
	text, err := json.Marshal(images)
	if err != nil {
		panic(err)
	}
	s.set(name, string(text))
}

// useFakeDocker puts the fake docker command before all others.
func useFakeDocker(t *testing.T) state {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	bin := t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(bin, "docker")))
	s := state{t.TempDir()}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv(fakeVariable, s.dir)
	t.Setenv("DOCKER_CONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("TMPDIR", t.TempDir())
	return s
}

// fakeDocker implements the command. It fails if the file "fail" holds a part of the command line.
func fakeDocker(dir string, args []string) int {
	s := state{dir}
	line := strings.Join(args, " ")
	// A test may interrupt the call as soon as it is recorded, so the signal handler is installed before that.
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt)
	s.set("calls", s.get("calls")+line+"\n")
	if hang := s.get("hang"); hang != "" && strings.Contains(line, hang) {
		select {
		case <-stopped:
			s.set("interrupted", "yes")
		case <-time.After(time.Minute):
		}
		return 1
	}
	if fail := s.get("fail"); fail != "" && strings.Contains(line, fail) {
		fmt.Fprintln(os.Stderr, "progress\ndenied: not so")
		return 1
	}
	if err := s.obey(args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (s state) obey(args []string) error {
	last := args[len(args)-1]
	switch strings.Join(args[:min(2, len(args))], " ") {
	case "version --format":
		fmt.Println("linux/amd64")
	case "buildx version":
		if s.get("buildx") == "" {
			return errors.New("docker: unknown command: docker buildx")
		}
	case "login --username":
		return s.login(last)
	case "image ls":
		if i, ok := s.images("engine")[last]; ok {
			fmt.Println(i.ID)
		}
	case "image inspect":
		for ref, i := range s.images("engine") {
			if ref == last || i.ID == last {
				return json.NewEncoder(os.Stdout).Encode([]inspected{i})
			}
		}
		return errors.New("no such image")
	case "image tag":
		for _, i := range s.images("engine") {
			if i.ID == args[2] {
				s.keep("engine", last, i)
			}
		}
	case "image push":
		return s.pushed(last)
	case "image pull":
		repository, digest, _ := strings.Cut(last, "@")
		i, ok := s.images("registry")[digest]
		if !ok {
			return errors.New("manifest unknown")
		}
		i.RepoDigests = []string{repository + "@" + digest}
		s.keep("engine", last, i)
	default:
		return fmt.Errorf("unknown command %v", args)
	}
	return nil
}

// login checks its input like the real one, and writes the token to the same file.
func (s state) login(host string) error {
	given, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	dir := os.Getenv("DOCKER_CONFIG")
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "config.json")
	config, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if string(given) != token || info.Mode().Perm() != 0o700 || !strings.Contains(string(config), `"auths":{"`+host+`"`) {
		return fmt.Errorf("login got %q in %s (%s): %s", given, dir, info.Mode(), config)
	}
	s.set("config", dir)
	return os.WriteFile(path, given, 0o600)
}

func (s state) pushed(ref string) error {
	if os.Getenv("DOCKER_CONFIG") != s.get("config") {
		return errors.New("no basic auth credentials")
	}
	i := s.images("engine")[ref]
	at := strings.LastIndex(ref, ":")
	digest := "sha256:" + strings.Repeat("d", 58) + strings.TrimPrefix(i.ID, "sha256:")[:6]
	s.keep("registry", digest, i)
	s.keep("registry", ref[at+1:], inspected{ID: digest})
	i.RepoDigests = append(i.RepoDigests, ref[:at]+"@"+digest)
	for name, held := range s.images("engine") {
		if held.ID == i.ID {
			s.keep("engine", name, i)
		}
	}
	fmt.Println("layer: Pushed")
	return nil
}

// fakeRegistry implements Registry over the same folder.
type fakeRegistry struct {
	state
	retags *[]string
	fail   error
}

func (r fakeRegistry) URI() string { return "registry.example/svc" }

func (r fakeRegistry) Login(context.Context) (user, password string, err error) {
	return "AWS", token, nil
}

func (r fakeRegistry) Digest(_ context.Context, tag string) (string, error) {
	return r.images("registry")[tag].ID, nil
}

func (r fakeRegistry) Commit(_ context.Context, tag string) (string, error) {
	digest := r.images("registry")[tag].ID
	return r.images("registry")[digest].Config.Labels[revisionLabel], nil
}

func (r fakeRegistry) Retag(_ context.Context, digest, tag string) error {
	if r.fail != nil {
		return r.fail
	}
	if _, ok := r.images("registry")[digest]; !ok {
		return fmt.Errorf("no image %s", digest)
	}
	*r.retags = append(*r.retags, tag)
	r.keep("registry", tag, inspected{ID: digest})
	return nil
}

// calls counts the docker commands so far that contain text.
func (s state) calls(text string) int {
	lines := strings.Split(s.get("calls"), "\n")
	return len(slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, text) }))
}
