package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// namedFile is a setting that names a file which others have written.
type namedFile struct {
	setting string
	path    *string // to "" if it names none
}

// files are all such settings.
func (c *Config) files() []namedFile {
	files := []namedFile{
		{"nats.creds", &c.NATS.Creds}, {"nats.nkey", &c.NATS.NKey}, {"nats.token_file", &c.NATS.TokenFile},
		{"nats.password_file", &c.NATS.PasswordFile}, {"s3.secret_key_file", &c.S3.SecretKeyFile}, {"s3.ca", &c.S3.CA},
		{"http.tokens_file", &c.HTTP.TokensFile},
	}
	if tls := c.NATS.TLS; tls != nil {
		files = append(files, namedFile{"nats.tls.ca", &tls.CA}, namedFile{"nats.tls.cert", &tls.Cert},
			namedFile{"nats.tls.key", &tls.Key})
	}
	if in := c.HTTP.Ingest; in != nil {
		files = append(files, namedFile{"http.ingest.tokens_file", &in.TokensFile})
		if tls := in.TLS; tls != nil {
			files = append(files, namedFile{"http.ingest.tls.cert", &tls.Cert}, namedFile{"http.ingest.tls.key", &tls.Key},
				namedFile{"http.ingest.tls.client_ca", &tls.ClientCA})
		}
	}
	if v := c.Export.Validate; v != nil {
		files = append(files, namedFile{"export.validate.schema", &v.Schema})
	}
	return files
}

// variable is a setting that may refer to an environment variable.
type variable struct {
	setting string
	Secret
}

// variables are all such settings.
func (c *Config) variables() []variable {
	return []variable{
		{"nats.token", c.NATS.Token}, {"nats.user", c.NATS.User.Secret}, {"nats.password", c.NATS.Password},
		{"s3.access_key", c.S3.AccessKey.Secret}, {"s3.secret_key", c.S3.SecretKey},
	}
}

// Missing lists the settings that refer to an environment variable which is not set, as a
// function like os.LookupEnv says, or to a file that cannot be read. A program would not
// start here, but the machine that checks a configuration may be another. What variables
// and files hold is not said.
func (c *Config) Missing(lookup func(string) (string, bool)) []Problem {
	var missing []Problem
	for _, v := range c.variables() {
		if _, err := v.Resolve(lookup); err != nil {
			missing = append(missing, c.Problem(v.setting, err.Error()))
		}
	}
	for _, f := range c.files() {
		if *f.path == "" || IsAddress(*f.path) {
			continue
		}
		if err := readable(*f.path); err != nil {
			missing = append(missing, c.Problem(f.setting, err.Error()))
		}
	}
	return missing
}

// readable looks whether a file is there and may be read.
func readable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist on this machine", path)
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory, and a file is wanted", path)
	case !info.Mode().IsRegular(): // reading a pipe would take from it
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}
