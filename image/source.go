package image

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Source is the commit that an image is built from.
type Source struct {
	// Commit is the full SHA of HEAD.
	Commit string
	// Time is the time of the commit, in UTC, to the second.
	Time time.Time
	// Dirty is set if the tree differs from that commit: a tracked file anywhere was changed, or the service's folder
	// holds an untracked file.
	Dirty bool
	// URL is the web address of the remote named origin; empty if there is none.
	URL string
}

// Tag returns the image's tag: the commit, with -dirty if the tree differs from it.
func (s Source) Tag() string {
	if s.Dirty {
		return s.Commit + "-dirty"
	}
	return s.Commit
}

// ReadSource reads from git which commit is checked out in dir, a service's folder. A shallow clone is good enough.
func ReadSource(ctx context.Context, dir string) (Source, error) {
	source, err := git{dir}.source(ctx)
	switch {
	case err == nil:
		return source, nil
	case strings.Contains(err.Error(), "not a git repository"):
		return Source{}, fmt.Errorf("read the commit of %s: %w: an image is named by its commit, so build in a git checkout", dir, err)
	}
	return Source{}, fmt.Errorf("read the commit of %s: %w", dir, err)
}

// git runs git commands in a folder of a checkout.
type git struct{ dir string }

func (g git) source(ctx context.Context) (Source, error) {
	head, err := g.run(ctx, "log", "-1", "--no-show-signature", "--format=%H %ct")
	if err != nil {
		return Source{}, err
	}
	source, err := parseHead(head)
	if err != nil {
		return Source{}, err
	}
	if source.Dirty, err = g.dirty(ctx); err != nil {
		return Source{}, err
	}
	source.URL, err = g.origin(ctx)
	return source, err
}

func parseHead(head string) (Source, error) {
	commit, stamp, _ := strings.Cut(head, " ")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || commit == "" {
		return Source{}, fmt.Errorf("git returned %q: want a commit and its time", head)
	}
	return Source{Commit: commit, Time: time.Unix(seconds, 0).UTC()}, nil
}

func (g git) dirty(ctx context.Context) (bool, error) {
	changed, err := g.run(ctx, "status", "--porcelain", "--untracked-files=no")
	if err != nil || changed != "" {
		return true, err
	}
	unknown, err := g.run(ctx, "ls-files", "--others", "--exclude-standard", "--", ".")
	return unknown != "", err
}

// origin returns the web address of the remote named origin. If there is none, git exits with 2, or with 128 in its
// older releases.
func (g git) origin(ctx context.Context) (string, error) {
	remote, err := g.run(ctx, "remote", "get-url", "origin")
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", nil
	}
	return webURL(remote), err
}

func (g git) run(ctx context.Context, args ...string) (string, error) {
	return command{
		name: "git", args: append([]string{"-C", g.dir}, args...),
		env: []string{"LC_ALL=C", "GIT_OPTIONAL_LOCKS=0"}, limit: time.Minute,
	}.output(ctx)
}

// scpLike matches git's short form of an SSH address, user@host:path.
var scpLike = regexp.MustCompile(`^(?:[^@/]+@)?([^:/]+):([^/].*)$`)

// webURL turns a remote into an address without credentials. It returns "" for a folder of this machine.
func webURL(remote string) string {
	if m := scpLike.FindStringSubmatch(remote); m != nil && !strings.Contains(remote, "://") {
		remote = "ssh://" + m[1] + "/" + m[2]
	}
	u, err := url.Parse(remote)
	if err != nil || u.Hostname() == "" || u.Scheme == "file" {
		return ""
	}
	host := u.Host
	if u.Scheme != "http" && u.Scheme != "https" {
		host = u.Hostname() // the port is SSH's
	}
	return (&url.URL{Scheme: "https", Host: host, Path: strings.TrimSuffix(u.Path, ".git")}).String()
}
