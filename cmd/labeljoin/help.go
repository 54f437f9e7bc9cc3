package main

import (
	_ "embed" // for the words
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events/ingest"
	"github.com/labeljoin/labeljoin/events/mapping"
	"github.com/labeljoin/labeljoin/joiner/rule"
	"github.com/labeljoin/labeljoin/joiner/scenario"
)

//go:embed WORDS.md
var wordsPage string

// helpTopic is a page that the program carries.
type helpTopic struct {
	name  string
	about string
	page  string
}

func helpTopics() []helpTopic {
	return []helpTopic{
		{"config", "every setting, with its unit, its default and the reason of the default", config.Reference()},
		{"conditions", "the language of label conditions, with examples", rule.Conditions()},
		{"http", "how events are sent by HTTP: bodies, answers, tokens, web pages", ingest.Page()},
		{"mapping", "how events are made of records of any shape, with examples", mapping.Page()},
		{"tests", "how unit tests of label definitions are written, with examples", scenario.Page()},
		{"words", "what the words mean: watermark, orphan, corrections, ...", wordsPage},
	}
}

func helpTopicNames() []string {
	var names []string
	for _, topic := range helpTopics() {
		names = append(names, topic.name)
	}
	return names
}

// helpCommand is `labeljoin help`: what --help says of a command, and pages
// about what is written into files.
func helpCommand() *cli.Command {
	var topics strings.Builder
	for _, topic := range helpTopics() {
		fmt.Fprintf(&topics, "\n  %-12s %s", topic.name, topic.about)
	}
	return &cli.Command{
		Name:         "help",
		Usage:        "print the help of a command, or a page about a topic",
		ArgsUsage:    "[COMMAND | TOPIC]",
		Description:  "Topics:" + topics.String(),
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			switch name := c.Args().First(); {
			case c.NArg() > 1:
				return &terminal.UsageError{Err: fmt.Errorf("help takes one command or topic, and there are %d: labeljoin COMMAND --help explains the parts of a command", c.NArg())}
			case name == "":
				return cli.ShowAppHelp(c)
			default:
				return printHelp(c, name)
			}
		},
	}
}

// printHelp prints the page of a topic. What --help says of a command is
// printed before this is called: see arrange.
func printHelp(c *cli.Context, name string) error {
	var known []string
	for _, topic := range helpTopics() {
		known = append(known, topic.name)
		if topic.name == name {
			_, err := io.WriteString(c.App.Writer, terminal.PlainText(topic.page))
			return err
		}
	}
	for _, command := range c.App.Commands {
		if !command.Hidden {
			known = append(known, command.Name)
		}
	}
	slices.Sort(known)
	known = slices.Compact(known) // config is a command and a topic
	message := fmt.Sprintf("there is no command or topic %q", name)
	if near := config.Nearest(name, known); near != "" {
		message += fmt.Sprintf(": did you mean %s?", near)
	} else {
		message += ": there are " + strings.Join(known, ", ")
	}
	return &terminal.UsageError{Err: fmt.Errorf("%s", message)}
}

// printReference prints the reference of the configuration, or the part of it
// about one setting or block.
func printReference(c *cli.Context) error {
	page := config.Reference()
	switch c.NArg() {
	case 0:
	case 1:
		var err error
		if page, err = config.ReferenceOf(c.Args().First()); err != nil {
			return &terminal.UsageError{Err: err}
		}
	default:
		return &terminal.UsageError{Err: fmt.Errorf("config reference takes one setting or block, and there are %d",
			c.NArg())}
	}
	_, err := io.WriteString(c.App.Writer, terminal.PlainText(page))
	return err
}
