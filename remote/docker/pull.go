package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errhttp"
	"github.com/growl-dev/deploy/rollout"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
)

// ensure pulls the release unless it is there, and checks what came.
func (s imageStore) ensure(ctx context.Context, r rollout.Release, info system.Info, progress func(rollout.Progress)) error {
	there, err := s.has(ctx, r, info)
	if err != nil || there {
		return err
	}
	pulled := s.pull(ctx, r, progress)
	found, err := s.inspect(ctx, r.Image)
	for wait := pullWait; !found.has(r.Image) && brokeOff(pulled) && wait <= maxPullWait && ctx.Err() == nil; wait *= 2 {
		select {
		case <-ctx.Done():
		case <-time.After(wait):
			pulled = s.pull(ctx, r, progress)
			found, err = s.inspect(ctx, r.Image)
		}
	}
	switch {
	case pulled != nil && (err != nil || !found.has(r.Image)):
		return errors.Join(pulled, s.checkDisk(ctx, info.DockerRootDir))
	case err != nil:
		return fmt.Errorf("%w: inspect it after the pull: %w", ErrImage, err)
	}
	return checkImage(found, r, info)
}

// has reports whether the release is on the instance, and checks it. If it is not, the disk has to have room.
func (s imageStore) has(ctx context.Context, r rollout.Release, info system.Info) (bool, error) {
	found, err := s.inspect(ctx, r.Image)
	switch {
	case err == nil && found.has(r.Image):
		return true, checkImage(found, r, info)
	case err != nil && !cerrdefs.IsNotFound(err):
		return false, fmt.Errorf("inspect image: %w", err)
	}
	return false, s.checkDisk(ctx, info.DockerRootDir)
}

// A pull whose connection to the engine broke off is repeated up to three times: that takes nothing from the container that
// serves, and the engine keeps the layers that it has.
const (
	pullWait    = time.Second
	maxPullWait = 4 * time.Second
)

// brokenError is the end of a connection, as opposed to an error that the engine reported.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

func brokeOff(err error) bool {
	var broken *brokenError
	return errors.As(err, &broken)
}

// pull has the engine pull the image by its digest. Errors of the registry arrive inside the stream of a 200 answer.
func (s imageStore) pull(ctx context.Context, r rollout.Release, progress func(rollout.Progress)) error {
	auth, err := s.registryAuth(ctx, r)
	if err != nil {
		return fmt.Errorf("%w: get the registry's login: %w", ErrPull, err)
	}
	stream, err := s.engine.ImagePull(ctx, r.Image, client.ImagePullOptions{RegistryAuth: auth})
	if client.IsErrConnectionFailed(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = &brokenError{err}
	}
	if err != nil {
		return pullError(err)
	}
	defer stream.Close()
	layers := layers{}
	for message, err := range stream.JSONMessages(ctx) {
		switch {
		case err != nil:
			return pullError(&brokenError{err})
		case message.Error != nil:
			return pullError(streamError(message.Error))
		}
		if layers.add(message) && progress != nil {
			progress(layers.sum())
		}
	}
	return nil
}

func (s imageStore) registryAuth(ctx context.Context, r rollout.Release) (string, error) {
	if s.auth == nil {
		return "", nil
	}
	user, password, err := s.auth(ctx)
	if err != nil {
		return "", err
	}
	return authconfig.Encode(registry.AuthConfig{Username: user, Password: password, ServerAddress: registryOf(r.Image)})
}

// streamError gives an error of the stream the type of its code, if it has one.
func streamError(e *jsonstream.Error) error {
	if kind := errhttp.ToNative(e.Code); kind != nil && e.Code != 0 {
		return fmt.Errorf("%w: %w", kind, e)
	}
	return e
}

// pullError adds the remedy if the engine returned a status. A registry's own text is passed on as it is.
func pullError(err error) error {
	remedy := ""
	switch {
	case cerrdefs.IsUnauthorized(err) || cerrdefs.IsPermissionDenied(err):
		remedy = ": the registry refused the login: a token of ECR lives 12 hours, for its own region"
	case cerrdefs.IsNotFound(err):
		remedy = ": the registry has no such image: was it pushed, and is the region the registry's?"
	}
	return fmt.Errorf("%w: %w%s", ErrPull, err, remedy)
}

// layers records how far each layer of a pull is.
type layers map[string]rollout.Progress

// add records a message and reports whether it changed anything. Extracting a layer starts again at zero, so that a
// smaller number is ignored.
func (l layers) add(m jsonstream.Message) bool {
	if m.Progress == nil || m.ID == "" || m.Progress.Total <= 0 {
		return false
	}
	before := l[m.ID]
	now := rollout.Progress{Done: max(before.Done, m.Progress.Current), Total: max(before.Total, m.Progress.Total)}
	now.Done = min(now.Done, now.Total)
	l[m.ID] = now
	return now != before
}

func (l layers) sum() rollout.Progress {
	var sum rollout.Progress
	for _, layer := range l {
		sum.Done += layer.Done
		sum.Total += layer.Total
	}
	return sum
}

// checkImage compares what is on the instance with the release and the machine.
func checkImage(found image, r rollout.Release, info system.Info) error {
	if !found.has(r.Image) {
		return fmt.Errorf("%w: the engine knows it as %v", ErrImage, found.RepoDigests)
	}
	if differ(found.Os, info.OSType) || differ(found.Architecture, goArch(info.Architecture)) {
		return builtFor(found.Os, found.Architecture, info)
	}
	if differ(found.commit(), r.Commit) {
		return fmt.Errorf("%w: it was built from commit %.40s, not %.40s", ErrImage, found.commit(), r.Commit)
	}
	return nil
}

// differ reports whether two names differ, if both are known.
func differ(a, b string) bool { return a != "" && b != "" && a != b }

// goArch translates the kernel's name for a machine, which the engine reports, into the one that images use.
func goArch(machine string) string {
	switch machine {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	default:
		return machine
	}
}
