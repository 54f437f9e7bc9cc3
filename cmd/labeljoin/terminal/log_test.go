package terminal

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"testing"

	"github.com/labeljoin/labeljoin/config"
)

// TestLogFormat: JSON where a machine reads, whether it is a pipe or a file, and
// text where the configuration says so.
func TestLogFormat(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	NewLog(config.Log{Format: config.LogAuto, Level: config.LogInfo}, file).Info("hello", "n", 1)
	written, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	var pipe, text bytes.Buffer
	NewLog(config.Log{Format: config.LogAuto, Level: config.LogInfo}, &pipe).Info("hello", "n", 1)
	NewLog(config.Log{Format: config.LogText, Level: config.LogInfo}, &text).Info("hello", "n", 1)
	for name, line := range map[string][]byte{"file": written, "pipe": pipe.Bytes()} {
		t.Run(name, func(t *testing.T) {
			var record struct {
				Msg string
				N   int
			}
			if err := json.Unmarshal(line, &record); err != nil || record.Msg != "hello" || record.N != 1 {
				t.Errorf("%s: %s, %v", name, line, err)
			}
		})
	}
	if !bytes.HasSuffix(text.Bytes(), []byte("msg=hello n=1\n")) {
		t.Errorf("text: %s", &text)
	}
}

// TestLogFormatOnATerminal: people get text.
func TestLogFormatOnATerminal(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal to be had: %v", err)
	}
	defer terminal.Close()
	log := NewLog(config.Log{Format: config.LogAuto, Level: config.LogInfo}, terminal)
	if _, text := log.Handler().(*slog.TextHandler); !text {
		t.Errorf("the log on a terminal is a %T", log.Handler())
	}
}
