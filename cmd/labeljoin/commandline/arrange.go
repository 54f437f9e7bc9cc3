// Package commandline reads a command line more strictly than the library does, and completes it in shells. It knows
// no command.
package commandline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
)

// ArgsConfig is the ArgsUsage of commands that are about a configuration: it
// may be given as an argument instead of --config.
const ArgsConfig = "[FILE]"

// Arrange checks a command line and brings it into the order that the library
// reads: commands, flags, arguments. So flags may stand anywhere, and nothing
// is ignored: an unknown command or flag, an argument too many and a flag that
// is given twice are refused. `help COMMAND` becomes `COMMAND --help`, unless the
// word is the name of a help topic.
func Arrange(app *cli.App, args, topics []string) ([]string, error) {
	if len(args) == 0 {
		return args, nil
	}
	arranged, rest := args[:1:1], args[1:]
	rest, help := withoutHelp(app, rest, topics)
	l := line{name: app.Name, flags: app.VisibleFlags()}
	commands := app.Commands
	for len(commands) > 0 && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		command := commandNamed(commands, rest[0])
		if command == nil {
			return nil, &terminal.UsageError{Err: unknownCommand(l.name, rest[0], commands)}
		}
		arranged, rest = append(arranged, rest[0]), rest[1:]
		l = line{name: l.name + " " + command.Name, flags: command.Flags, usage: command.ArgsUsage}
		commands = command.Subcommands
	}
	if help && len(rest) > 0 {
		return nil, &terminal.UsageError{Err: fmt.Errorf("`%s` has no part %q to explain", l.name, rest[0])}
	}
	if err := l.read(rest); err != nil {
		return nil, &terminal.UsageError{Err: err}
	}
	if help || l.help {
		if len(arranged) == 1 {
			return arranged, nil // alone, the program explains itself
		}
		return append(arranged, "--help"), nil
	}
	if err := l.settle(); err != nil {
		return nil, &terminal.UsageError{Err: err}
	}
	arranged = append(arranged, l.given...)
	if len(l.arguments) > 0 {
		arranged = append(append(arranged, "--"), l.arguments...)
	}
	return arranged, nil
}

// withoutHelp takes `help` off a command line that asks about a command. The
// topics are the help command's own.
func withoutHelp(app *cli.App, args, topics []string) (rest []string, help bool) {
	if len(args) < 2 || args[0] != "help" || commandNamed(app.Commands, args[1]) == nil {
		return args, false
	}
	if len(args) == 2 && slices.Contains(topics, args[1]) {
		return args, false
	}
	return args[1:], true
}

func commandNamed(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

func unknownCommand(parent, name string, commands []*cli.Command) error {
	var known []string
	for _, c := range commands {
		if !c.Hidden {
			known = append(known, c.Name)
		}
	}
	if near := config.Nearest(name, known); near != "" {
		return fmt.Errorf("there is no command `%s %s`; did you mean `%s %s`?", parent, name, parent, near)
	}
	return fmt.Errorf("there is no command `%s %s`; there are %s", parent, name, strings.Join(known, ", "))
}

// line is what follows the command on a command line.
type line struct {
	name  string // of the command, whole
	flags []cli.Flag
	usage string // of its arguments; "": it takes none

	given     []string // flags with their values
	values    map[string]string
	arguments []string
	help      bool
}

// read takes flags and arguments apart.
func (l *line) read(rest []string) error {
	l.values = map[string]string{}
	for len(rest) > 0 {
		arg := rest[0]
		rest = rest[1:]
		switch {
		case arg == "--":
			l.arguments = append(l.arguments, rest...)
			return nil
		case !strings.HasPrefix(arg, "-") || arg == "-":
			l.arguments = append(l.arguments, arg)
			continue
		}
		name, value, assigned := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if name == "help" || name == "h" {
			l.help = true
			return nil
		}
		flag := l.flagNamed(name)
		if flag == nil {
			return l.unknownFlag(strings.TrimSuffix(arg, "="+value))
		}
		if takesValue(flag) && !assigned {
			if len(rest) == 0 {
				return fmt.Errorf("--%s needs a value", name)
			}
			value, rest = rest[0], rest[1:]
			assigned = true
		}
		if err := fits(flag, name, value, assigned); err != nil {
			return err
		}
		if err := l.give(flag, value, assigned); err != nil {
			return err
		}
	}
	return nil
}

// give remembers a flag. A second value would silently replace the first one.
func (l *line) give(flag cli.Flag, value string, assigned bool) error {
	name := flag.Names()[0]
	before, again := l.values[name]
	if again && !takesMany(flag) && before != value {
		return fmt.Errorf("--%s is given twice, as %q and as %q: give it once", name, before, value)
	}
	l.values[name] = value
	text := "--" + name
	if assigned {
		text += "=" + value
	}
	l.given = append(l.given, text)
	return nil
}

// settle checks the arguments. One that is a configuration becomes --config.
func (l *line) settle() error {
	if len(l.arguments) == 0 {
		return nil
	}
	configured := l.flagNamed("config") != nil
	if configured && l.usage == ArgsConfig {
		files := l.arguments
		if flag, given := l.values["config"]; given {
			files = append(slices.Clone(files), flag)
		}
		if files = slices.Compact(files); len(files) > 1 {
			return fmt.Errorf("`%s` takes one configuration, and there are %d: %s", l.name, len(files),
				strings.Join(files, ", "))
		}
		l.given, l.arguments = append(l.given, "--config="+files[0]), nil
		return nil
	}
	if l.usage != "" {
		return nil // the command looks at them
	}
	way := ""
	if configured {
		way = fmt.Sprintf("; a configuration is given with --config %s", l.arguments[0])
	}
	return fmt.Errorf("`%s` takes no arguments, and there is %q%s", l.name, l.arguments[0], way)
}

func (l *line) flagNamed(name string) cli.Flag {
	for _, f := range l.flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// unknownFlag names a flag as it was written, with its hyphens.
func (l *line) unknownFlag(written string) error {
	known := []string{"help"}
	for _, f := range l.flags {
		known = append(known, f.Names()[0])
	}
	if near := config.Nearest(strings.TrimLeft(written, "-"), known); near != "" {
		return fmt.Errorf("`%s` has no flag %s; did you mean --%s?", l.name, written, near)
	}
	return fmt.Errorf("`%s` has no flag %s; it has --%s", l.name, written, strings.Join(known, ", --"))
}

// fits refuses a value that a flag cannot have, in words that say how it is written.
func fits(f cli.Flag, name, value string, assigned bool) (err error) {
	wanted := ""
	switch f.(type) {
	case *cli.BoolFlag:
		if assigned && value != "true" && value != "false" {
			return fmt.Errorf("--%s is given without a value, and there is %q", name, value)
		}
	case *cli.IntFlag, *cli.IntSliceFlag:
		wanted = "whole number"
		_, err = strconv.Atoi(value)
	case *cli.Float64Flag:
		wanted = "number"
		_, err = strconv.ParseFloat(value, 64)
	case *cli.DurationFlag:
		wanted = "length of time: write it like 90s or 30m"
		_, err = time.ParseDuration(value)
	}
	if err != nil {
		return fmt.Errorf("--%s %q is no %s", name, value, wanted)
	}
	return nil
}

// takesValue reports whether a flag is followed by a value.
func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return !ok || d.TakesValue()
}

// takesMany reports whether a flag may be given more than once.
func takesMany(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationSliceFlag)
	return ok && d.IsSliceFlag()
}

// Required is the error for flags that a command cannot do without.
func Required(c *cli.Context, names ...string) error {
	for _, name := range names {
		if !c.IsSet(name) {
			return &terminal.UsageError{Err: fmt.Errorf("%s needs --%s: labeljoin help %s says what it is", c.Command.HelpName,
				name, strings.TrimPrefix(c.Command.HelpName, "labeljoin "))}
		}
	}
	return nil
}
