package commandline

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Plain returns the flags whose values people give as bare words, as in `deploy:dev v2`.
func Plain() []string {
	return []string{"tag", "to", "run", "runs", "platform", "instances", "instance", "seeds", "factor"}
}

// meant returns the command line that was probably meant: each target with its flags in the form that mage accepts, in
// a command of its own if there are several. It returns "" if it cannot place a word.
func (all Commands) meant(args []string) string {
	var parts []string
	var first string // mage's own flag
	var rest []string
	var current *Command
	flush := func() bool {
		if current == nil {
			return true
		}
		part, ok := current.meant(rest)
		parts, rest = append(parts, "mage "+first+part), nil
		return ok
	}
	for x := 0; x < len(args); x++ {
		c, ok := all.find(args[x])
		if !ok && x+1 < len(args) {
			if c, ok = all.find(args[x] + ":" + args[x+1]); ok {
				x++ // deploy dev
			}
		}
		switch {
		case args[x] == "-v":
			first = "-v "
		case !ok:
			rest = append(rest, args[x])
		case !flush():
			return ""
		default:
			current = &c
		}
	}
	if current == nil || !flush() {
		return ""
	}
	return strings.Join(parts, " && ")
}

// meant places the words after a target, and reports whether each has a place.
func (c Command) meant(args []string) (text string, ok bool) {
	var words, flags []string
	waits := "" // a flag whose value is the next word
	given, twice := map[string]bool{}, false
	flag := func(name, value string) {
		twice = twice || given[name]
		given[name] = true
		flags = append(flags, "-"+name+value)
	}
	for _, arg := range args {
		name, value, valued := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		o, known := c.option(strings.ReplaceAll(name, "-", "")) // -dry-run
		switch {
		case known && valued:
			flag(o.Name, "="+value)
		case known && o.Kind == "bool":
			flag(o.Name, "")
		case known:
			waits = o.Name
		case arg == "" || strings.HasPrefix(arg, "-"):
			return "", false
		case waits != "":
			flag(waits, "="+arg)
			waits = ""
		case valued && slices.Contains(c.Words, strings.ToUpper(name)):
			words = append(words, value)
		case len(words) < len(c.Words):
			words = append(words, arg)
		default:
			at := slices.IndexFunc(c.Options, func(o Option) bool { return !given[o.Name] && o.accepts(arg) })
			if at < 0 {
				return "", false
			}
			flag(c.Options[at].Name, "="+arg)
		}
	}
	if waits != "" {
		flag(waits, "=VALUE")
	}
	words = append(words, c.Words[len(words):]...)
	return shellLine(slices.Concat([]string{c.Name}, words, flags)), !twice
}

// accepts reports whether a bare word can be meant for the flag.
func (o Option) accepts(word string) bool {
	var err error
	switch o.Kind {
	case "int":
		_, err = strconv.Atoi(word)
	case "float64":
		_, err = strconv.ParseFloat(word, 64)
	}
	return err == nil && slices.Contains(Plain(), o.Name)
}

var harmless = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// shellLine returns a command that can be pasted into a shell.
func shellLine(words []string) string {
	quotedWords := make([]string, len(words))
	for i, word := range words {
		quotedWords[i] = word
		if !harmless.MatchString(word) {
			quotedWords[i] = "'" + strings.ReplaceAll(printable(word), "'", `'\''`) + "'"
		}
	}
	return strings.Join(quotedWords, " ")
}

// printable replaces characters that could drive a terminal.
func printable(word string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '?'
	}, word)
}
