package commandline

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// Completable is a command and the words that may follow it.
type Completable struct {
	path  []string // without the program's name
	usage string
	words []string // commands below it, and flags
}

// CompletableOf lists a command and all below it.
func CompletableOf(path []string, usage string, commands []*cli.Command, flags []cli.Flag) []Completable {
	c := Completable{path: path, usage: usage}
	var below []Completable
	for _, command := range commands {
		if command.Hidden {
			continue
		}
		c.words = append(c.words, command.Name)
		at := append(path[:len(path):len(path)], command.Name)
		below = append(below, CompletableOf(at, command.Usage, command.Subcommands, command.Flags)...)
	}
	for _, f := range flags {
		c.words = append(c.words, "--"+f.Names()[0])
	}
	c.words = append(c.words, "--help")
	return append([]Completable{c}, below...)
}

// BashCompletion follows the commands on the line, and offers what may come
// next; files where nothing else fits.
func BashCompletion(out io.Writer, commands []Completable) error {
	var cases strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&cases, "    %q) words=%q ;;\n", strings.Join(c.path, " "), strings.Join(c.words, " "))
	}
	_, err := fmt.Fprintf(out, `_labeljoin() {
  local cur="${COMP_WORDS[COMP_CWORD]}" at="" next words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="${at:+$at }${COMP_WORDS[i]}"
    case " %[1]s " in *" ${next// /_} "*) at="$next" ;; esac
  done
  case "$at" in
%[2]s  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$cur"))
}
complete -o filenames -F _labeljoin labeljoin
`, pathsOf(commands), cases.String())
	return err
}

// pathsOf are the commands' paths, joined by underscores, which no name has.
func pathsOf(commands []Completable) string {
	var paths []string
	for _, c := range commands[1:] {
		paths = append(paths, strings.Join(c.path, "_"))
	}
	return strings.Join(paths, " ")
}

// ZshCompletion uses what bash uses.
func ZshCompletion(out io.Writer, commands []Completable) error {
	if _, err := io.WriteString(out, "autoload -U +X bashcompinit && bashcompinit\n"); err != nil {
		return err
	}
	return BashCompletion(out, commands)
}

// FishCompletion has a line for each word.
func FishCompletion(out io.Writer, commands []Completable) error {
	usages := map[string]string{}
	for _, c := range commands {
		usages[strings.Join(c.path, " ")] = c.usage
	}
	for _, c := range commands {
		condition := "__fish_use_subcommand"
		for i, name := range c.path {
			if i == 0 {
				condition = "__fish_seen_subcommand_from " + name
			} else {
				condition += "; and __fish_seen_subcommand_from " + name
			}
		}
		for _, word := range c.words {
			argument := "-a " + word
			if flag, ok := strings.CutPrefix(word, "--"); ok {
				argument = "-l " + flag
			}
			usage := usages[strings.Join(append(c.path[:len(c.path):len(c.path)], word), " ")]
			if _, err := fmt.Fprintf(out, "complete -c labeljoin -n %q %s -d %q\n", condition, argument, usage); err != nil {
				return err
			}
		}
	}
	return nil
}
