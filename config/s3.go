package config

import (
	"net/url"
	"os"
	"strings"
)

// S3 is how an object store is reached in which output.dir or export.dir is.
type S3 struct {
	// The URL of the store, like https://minio.example.com:9000. With http, everything is
	// sent as it is, so only for a network of your own.
	//
	// Default: Amazon S3.
	Endpoint string `yaml:"endpoint"`
	// The region of the bucket, like eu-central-1.
	//
	// Default: the store is asked for it.
	Region string `yaml:"region"`
	// Whether the bucket stands in the path of URLs, and not in the name of the host.
	//
	// Default: the path for stores of your own, and the name of the host for those that
	// are known to want that, as Amazon does.
	PathStyle bool `yaml:"path_style"`
	// How the store is asked to create an object only if it is absent: with the header
	// if-none-match, or with that of gcs (Google Cloud Storage). A store that does not do
	// it is refused at the start.
	//
	// Default: the header of S3, which most stores know.
	Conditional S3Conditional `yaml:"conditional"`
	// The id of the access key, or the reference to an environment variable. It goes
	// together with a secret key.
	//
	// Default: none. The key is looked for where the tools of AWS do: AWS_ACCESS_KEY_ID
	// and AWS_SECRET_ACCESS_KEY, the file of AWS_SHARED_CREDENTIALS_FILE or
	// ~/.aws/credentials with the profile of AWS_PROFILE, AWS_WEB_IDENTITY_TOKEN_FILE,
	// and what the machine is given by its cloud.
	AccessKey User `yaml:"access_key"`
	// The secret key, as the reference to an environment variable.
	//
	// Default: none. See access_key.
	SecretKey Secret `yaml:"secret_key"`
	// The path of a file that holds the secret key.
	//
	// Default: none. See access_key.
	SecretKeyFile string `yaml:"secret_key_file"`
	// The path of the certificates (PEM) that the store's certificate is checked against.
	//
	// Default: the certificates that the system trusts.
	CA string `yaml:"ca"`
}

// S3Conditional says how a store creates objects only if they are absent.
type S3Conditional string

// The headers.
const (
	S3IfNoneMatch S3Conditional = "if-none-match"
	S3GCS         S3Conditional = "gcs"
)

func (S3Conditional) words() []string { return []string{string(S3IfNoneMatch), string(S3GCS)} }

// omits implements omitter: without an object store, its settings say nothing.
func (s *S3) omits(key string) bool {
	return key == "path_style" && !s.PathStyle || key == "conditional" && s.Conditional == S3IfNoneMatch
}

// IsAddress reports whether the name of a folder is an address in an object store.
func IsAddress(dir string) bool { return strings.HasPrefix(dir, "s3://") }

// store checks an address like s3://bucket/prefix.
func (v *checker) store(path, address string) {
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(address, "s3://"), "/")
	switch {
	case len(bucket) < 3 || len(bucket) > 63 || strings.Trim(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "":
		v.add(path, "%q is no name of a bucket: it has 3 to 63 small letters, digits, points and hyphens", clipped(bucket))
	case strings.Contains("/"+prefix+"/", "//") && strings.Trim(prefix, "/") != "" ||
		strings.Contains("/"+prefix+"/", "/../") ||
		strings.ContainsAny(prefix, "?#\\"):
		v.add(path, "%q is no prefix of objects: write folders with one / between", clipped(prefix))
	}
}

// s3 checks the block.
func (v *checker) s3() {
	s := &v.S3
	v.word("s3.conditional", string(s.Conditional), s.Conditional.words())
	if s.Endpoint != "" {
		u, err := url.Parse(s.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" ||
			u.RawQuery != "" {
			v.add("s3.endpoint", "%q is no URL of a store: write it like https://minio.example.com:9000", clipped(s.Endpoint))
		} else if u.User != nil {
			v.add("s3.endpoint", "holds a user or password: use access_key and secret_key")
		}
	}
	secret := s.SecretKey.Given() || s.SecretKeyFile != ""
	switch {
	case s.SecretKey.Given() && s.SecretKeyFile != "":
		v.add("s3.secret_key_file", "goes not together with secret_key: remove one of the two")
	case s.AccessKey.Given() && !secret:
		v.add("s3.access_key", "needs a secret key: add secret_key: ${NAME} or secret_key_file")
	case s.SecretKey.Given() && !s.AccessKey.Given():
		v.add("s3.secret_key", "goes together with an access key: add access_key, or remove it")
	case secret && !s.AccessKey.Given():
		v.add("s3.secret_key_file", "goes together with an access key: add access_key, or remove it")
	}
}

// Keys reads the access key and the secret key, from the environment (with a function like
// os.LookupEnv) and from their file. Both are empty where the configuration gives none. The
// errors are *SettingError.
func (s *S3) Keys(lookup func(string) (string, bool)) (Login, error) {
	user, err := s.AccessKey.Resolve(lookup)
	if err != nil {
		return Login{}, &SettingError{"s3.access_key", err}
	}
	secret, err := s.SecretKey.Resolve(lookup)
	if err != nil {
		return Login{}, &SettingError{"s3.secret_key", err}
	}
	if s.SecretKeyFile != "" {
		data, err := os.ReadFile(s.SecretKeyFile)
		if err != nil {
			return Login{}, &SettingError{"s3.secret_key_file", err}
		}
		secret = strings.TrimRight(string(data), "\r\n")
	}
	return Login{User: user, Password: secret}, nil
}

// Below is a path below the output's directory or address.
func (o *Output) Below(name string) string { return strings.TrimSuffix(o.Dir, "/") + "/" + name }
