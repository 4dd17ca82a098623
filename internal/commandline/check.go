package commandline

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Together returns the targets that change nothing, so that several of them may be in one command line. Every other
// target, also each new one, has to be alone.
func Together() []string {
	return []string{
		"deploy:history", "deploy:status", "env:check", "env:guard", "infra:drift", "infra:output", "infra:plan",
		"lint", "test:all", "test:e2e", "test:sim",
	}
}

// Check returns an error if the command line holds a word that no target accepts. A first word that names no target
// here may be a target of the magefile itself, which mage checks before it runs any other.
func (all Commands) Check(args []string, getenv func(string) string) error {
	rest, shows, err := mageFlags(args)
	enabled := func(name string) bool { set, _ := strconv.ParseBool(getenv(name)); return set }
	switch {
	case shows || enabled("MAGEFILE_LIST") || enabled("MAGEFILE_HELP"):
		return nil // mage prints something and runs no target
	case err != nil:
		return all.refuse(args, "%v, and the flags of a target follow its name", err)
	}
	return all.check(rest)
}

// AskForHelp reports whether the command line asks for the help of a target in the usual way, as in `deploy:dev -help`.
// Mage itself has only `mage -h TARGET`.
func (all Commands) AskForHelp(args []string) bool {
	rest, _, err := mageFlags(args)
	if err != nil || len(rest) == 0 {
		return false
	}
	_, known := all.find(rest[0])
	return known && slices.ContainsFunc(rest[1:], asksForHelp)
}

func asksForHelp(word string) bool { return word == "-h" || word == "-help" || word == "--help" }

// mageFlags removes mage's own flags from the command line, as the main function that mage generates does. shows
// reports that one of them makes mage print something instead of running targets.
func mageFlags(args []string) (rest []string, shows bool, err error) {
	flags := flag.NewFlagSet("mage", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Bool("v", false, "")
	list := flags.Bool("l", false, "")
	help := flags.Bool("h", false, "")
	flags.Duration("t", time.Duration(0), "")
	err = flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil, true, nil
	}
	return flags.Args(), *list || *help, err
}

// check reads the whole command line as mage does, and runs nothing.
func (all Commands) check(args []string) error {
	var found []Command
	for x := 0; x < len(args); {
		c, ok := all.find(args[x])
		switch {
		case !ok && len(found) == 0 && all.meant(args) == "":
			return nil
		case !ok && len(found) == 0:
			return all.refuse(args, "there is no target %q", args[x])
		case !ok:
			return all.refuse(args, "%q is no target, and %s does not take it", args[x], found[len(found)-1].Name)
		}
		taken, err := c.takes(args[x+1:])
		if err != nil {
			return all.refuse(args, "%v", err)
		}
		found = append(found, c)
		x += 1 + taken
	}
	changes := func(c Command) bool { return !slices.Contains(Together(), c.Name) }
	if at := slices.IndexFunc(found, changes); at >= 0 && len(found) > 1 {
		return all.refuse(args, "%s changes something and has to be the only target of its command", found[at].Name)
	}
	return nil
}

// takes returns the number of words after a target that belong to it.
func (c Command) takes(args []string) (int, error) {
	if len(args) < len(c.Words) {
		return 0, fmt.Errorf("%s needs %s", c.Name, strings.Join(c.Words, " "))
	}
	for n, word := range c.Words {
		if strings.HasPrefix(args[n], "-") {
			return 0, fmt.Errorf("%s needs %s before its flags, not %q", c.Name, word, args[n])
		}
	}
	given := map[string]bool{}
	n := len(c.Words)
	for ; n < len(args) && strings.HasPrefix(args[n], "-") && len(c.Options) > 0; n++ {
		name, _, valued := strings.Cut(args[n][1:], "=")
		o, known := c.option(name)
		switch {
		case !known:
			return 0, fmt.Errorf("unknown option %q for target %s", name, c.Name)
		case !valued && o.Kind != "bool":
			return 0, fmt.Errorf("%q needs a value, -%s=VALUE", args[n], o.Name)
		case given[o.Name]:
			return 0, fmt.Errorf("-%s is given twice", o.Name)
		}
		given[o.Name] = true
	}
	return n, nil
}

// refuse returns the error for a command line, with the one that was probably meant.
func (all Commands) refuse(args []string, format string, values ...any) error {
	remedy := "`mage -l` lists the targets, and `mage -h TARGET` what one takes"
	if meant := all.meant(args); meant != "" {
		remedy = "did you mean `" + meant + "`?"
	}
	return fmt.Errorf("%s: nothing was run: %s", fmt.Sprintf(format, values...), remedy)
}

// aliased returns the name of the target that an alias stands for.
func aliased(target any) string {
	name := runtime.FuncForPC(reflect.ValueOf(target).Pointer()).Name()
	_, name, _ = strings.Cut(name[strings.LastIndex(name, "/")+1:], ".")
	return strings.ToLower(strings.ReplaceAll(name, ".", ":"))
}
