package terminal

import (
	"io"
	"log/slog"

	"github.com/mattn/go-isatty"

	"github.com/labeljoin/labeljoin/config"
)

// NewLog makes the program's log: text where a person reads it, JSON where a
// machine does, always to stderr.
func NewLog(c config.Log, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: logLevel(c.Level)}
	text := c.Format == config.LogText
	if c.Format == config.LogAuto {
		f, ok := terminalOf(w)
		text = ok && isatty.IsTerminal(f.Fd())
	}
	if text {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

func logLevel(l config.LogLevel) slog.Level {
	switch l {
	case config.LogDebug:
		return slog.LevelDebug
	case config.LogWarn:
		return slog.LevelWarn
	case config.LogError:
		return slog.LevelError
	}
	return slog.LevelInfo
}
