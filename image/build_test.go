package image

import (
	"debug/buildinfo"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheBuildersCommands(t *testing.T) {
	source := Source{Commit: "abc", Time: time.Unix(1700000000, 0).UTC(), URL: "https://github.com/o/r"}
	o := Options{Dir: "/src/svc", Name: "svc", Platform: "linux/arm64"}
	labels := "--label org.opencontainers.image.revision=abc --label org.opencontainers.image.created=2023-11-14T22:13:20Z" +
		" --label org.opencontainers.image.source=https://github.com/o/r ."
	common := " --platform linux/arm64 --tag svc:abc --build-arg GIT_COMMIT=abc " + labels

	kit := o.command(BuildKit, source, "arm64")
	assert.Equal(t, "buildx build --load --provenance=false --sbom=false"+common, strings.Join(kit.args, " "))
	assert.Equal(t, []string{"SOURCE_DATE_EPOCH=1700000000"}, kit.env)

	classic := o.command(Classic, source, "arm64")
	assert.Equal(t, "build --force-rm --build-arg TARGETARCH=arm64"+common, strings.Join(classic.args, " "))
	assert.Equal(t, []string{"DOCKER_BUILDKIT=0"}, classic.env)
}

func TestADirtyTreeIsMarkedEverywhere(t *testing.T) {
	o := Options{Dir: "/src/svc", Name: "svc", Platform: DefaultPlatform}
	args := strings.Join(o.command(Classic, Source{Commit: "abc", Dirty: true}, "amd64").args, " ")
	assert.Contains(t, args, "--tag svc:abc-dirty --build-arg GIT_COMMIT=abc-dirty --label org.opencontainers.image.revision=abc-dirty")
	assert.NotContains(t, args, "image.source", "without a remote there is no source")
}

func TestTheBuilderIsBuildKitWhereBuildxIs(t *testing.T) {
	s := useFakeDocker(t)
	assert.Equal(t, Classic, docker{}.builder(t.Context()))
	s.set("buildx", "installed")
	assert.Equal(t, BuildKit, docker{}.builder(t.Context()))
}

func TestCompileIsReproducible(t *testing.T) {
	root, service := checkout(t)
	o := Options{Dir: service, Name: "svc"}
	program := filepath.Join(service, "bin", "svc-linux-arm64")
	require.NoError(t, compile(t.Context(), o, "arm64", committed))
	first, err := os.ReadFile(program)
	require.NoError(t, err)
	info, err := os.Stat(program)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o755), info.Mode().Perm(), "it is not executable")
	assert.True(t, info.ModTime().Equal(committed))
	assert.NotContains(t, string(first), root, "the program names the folder it was compiled in")

	// Elsewhere, and with settings that would change the bytes.
	elsewhere := filepath.Join(t.TempDir(), "elsewhere", "svc")
	require.NoError(t, os.CopyFS(elsewhere, os.DirFS(service)))
	require.NoError(t, os.RemoveAll(filepath.Join(elsewhere, "bin")))
	t.Setenv("GOFLAGS", "-tags=other -ldflags=-X=main.x=y")
	t.Setenv("GOARM64", "v9.0")
	o.Dir = elsewhere
	require.NoError(t, compile(t.Context(), o, "arm64", committed))
	second, err := os.ReadFile(filepath.Join(elsewhere, "bin", "svc-linux-arm64"))
	require.NoError(t, err)
	assert.Equal(t, first, second, "the same source gave other bytes")
}

// TestCompileUsesTheModulesToolchain checks that an installed Go other than the one in the module's toolchain line
// compiles nothing, whatever GOTOOLCHAIN is set to.
func TestCompileUsesTheModulesToolchain(t *testing.T) {
	_, service := checkout(t)
	t.Setenv("GOTOOLCHAIN", "local")
	t.Setenv("GOPROXY", "off")
	o, module := Options{Dir: service, Name: "svc"}, filepath.Join(service, "go.mod")
	write(t, module, "module example.com/svc\n\ngo 1.26.0\n\ntoolchain go1.26.999\n")
	require.ErrorContains(t, compile(t.Context(), o, "amd64", committed), "go1.26.999")

	write(t, module, "module example.com/svc\n\ngo 1.26.0\n\ntoolchain "+runtime.Version()+"\n")
	require.NoError(t, compile(t.Context(), o, "amd64", committed))
	info, err := buildinfo.ReadFile(filepath.Join(service, "bin", "svc-linux-amd64"))
	require.NoError(t, err)
	assert.Equal(t, runtime.Version(), info.GoVersion)

	write(t, module, "module example.com/svc\n\ngo 1.26.0\n")
	require.ErrorContains(t, compile(t.Context(), o, "amd64", committed), "has no toolchain line: `go mod edit -toolchain=go1.N.P` sets")
}

func TestBuildRefuses(t *testing.T) {
	_, service := checkout(t)
	_, err := Build(t.Context(), Options{Dir: service, Platform: "windows/amd64"})
	require.EqualError(t, err, `build image svc: platform "windows/amd64": want linux/amd64 or linux/arm64`)

	s := useFakeDocker(t)
	s.set("fail", "version")
	_, err = Build(t.Context(), Options{Dir: service})
	require.ErrorContains(t, err, "docker: denied: not so (exit status 1): start Docker, or point DOCKER_HOST")

	s.set("fail", "")
	write(t, filepath.Join(service, "main.go"), "package main\n\nfunc main() { undefined() }\n")
	_, err = Build(t.Context(), Options{Dir: service, CompileGo: true})
	require.ErrorContains(t, err, "compile "+service+": go: ")
	assert.NotContains(t, err.Error(), "\n")
}
