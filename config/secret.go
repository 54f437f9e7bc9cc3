package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// Secret names an environment variable that holds something secret. The
// configuration never holds the secret itself, so that it can be committed,
// printed and hashed.
type Secret struct{ name string }

// SecretFrom refers to the environment variable of that name.
func SecretFrom(name string) Secret { return Secret{name} }

// Given reports whether there is one.
func (s Secret) Given() bool { return s.name != "" }

// Variable is the environment variable's name.
func (s Secret) Variable() string { return s.name }

// String is the reference, never the secret.
func (s Secret) String() string {
	if s.name == "" {
		return ""
	}
	return "${" + s.name + "}"
}

// MarshalText is the reference.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// parse implements parser.
func (s *Secret) parse(text string) error {
	inner, ok := strings.CutPrefix(text, "${")
	inner, closed := strings.CutSuffix(inner, "}")
	if !ok || !closed || !isVariable(inner) {
		return errors.New("secrets are not written into the configuration: " +
			"put it into an environment variable and write ${NAME} here, or into a file and name that (token_file, password_file)")
	}
	s.name = inner
	return nil
}

// isVariable reports whether name can be an environment variable's in a shell.
func isVariable(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if digit := '0' <= c && c <= '9'; !letter && (i == 0 || !digit) {
			return false
		}
	}
	return name != ""
}

// User is the name of a user: written out, for it is no secret, or the reference
// to an environment variable.
type User struct {
	Secret
	plain string
}

// Given reports whether there is one.
func (u User) Given() bool { return u.plain != "" || u.Secret.Given() }

// String is the name or the reference.
func (u User) String() string { return u.plain + u.Secret.String() }

// MarshalText is the name or the reference.
func (u User) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// parse implements parser.
func (u *User) parse(text string) error {
	if strings.HasPrefix(text, "${") {
		return u.Secret.parse(text)
	}
	if text == "" {
		return errors.New("is empty: write the name of the user, or remove the line")
	}
	u.plain = text
	return nil
}

// Resolve is the name, read with a function like os.LookupEnv if it is a
// reference.
func (u User) Resolve(lookup func(string) (string, bool)) (string, error) {
	if u.plain != "" {
		return u.plain, nil
	}
	return u.Secret.Resolve(lookup)
}

// Resolve reads the secret with a function like os.LookupEnv.
func (s Secret) Resolve(lookup func(string) (string, bool)) (string, error) {
	if s.name == "" {
		return "", nil
	}
	value, ok := lookup(s.name)
	if !ok || value == "" {
		return "", fmt.Errorf("the configuration refers to ${%s}, which is not set in the environment: export it", s.name)
	}
	return value, nil
}

// Login is how a NATS connection says who it is. It prints as nothing.
type Login struct{ Token, User, Password string }

// String hides everything.
func (Login) String() string { return "***" }

// GoString hides everything.
func (Login) GoString() string { return "***" }

// LogValue hides everything from slog.
func (Login) LogValue() slog.Value { return slog.StringValue("***") }

// Login reads the token, or the user and password, from the environment (with a
// function like os.LookupEnv) and from their files. It also checks that the
// files which the NATS client reads itself (credentials, nkey, certificates)
// can be read, so that a wrong path is told apart from a server that is away.
// The errors are *SettingError.
func (n *NATS) Login(lookup func(string) (string, bool)) (Login, error) {
	var login Login
	for _, from := range []struct {
		setting string
		secret  interface {
			Resolve(func(string) (string, bool)) (string, error)
		}
		path string
		into *string
	}{
		{"nats.token", n.Token, n.TokenFile, &login.Token},
		{"nats.user", n.User, "", &login.User},
		{"nats.password", n.Password, n.PasswordFile, &login.Password},
	} {
		value, err := from.secret.Resolve(lookup)
		if err != nil {
			return Login{}, &SettingError{from.setting, err}
		}
		if from.path != "" {
			data, err := os.ReadFile(from.path)
			if err != nil {
				return Login{}, &SettingError{from.setting + "_file", err}
			}
			value = strings.TrimRight(string(data), "\r\n")
		}
		*from.into = value
	}
	return login, n.readable()
}

// readable checks the files that the NATS client reads.
func (n *NATS) readable() error {
	files := []struct{ setting, path string }{{"nats.creds", n.Creds}, {"nats.nkey", n.NKey}}
	if t := n.TLS; t != nil {
		files = append(files, []struct{ setting, path string }{
			{"nats.tls.ca", t.CA}, {"nats.tls.cert", t.Cert}, {"nats.tls.key", t.Key},
		}...)
	}
	for _, file := range files {
		if file.path == "" {
			continue
		}
		if _, err := os.ReadFile(file.path); err != nil {
			return &SettingError{file.setting, err}
		}
	}
	return nil
}
