package s3

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/signer"
)

// Settings are how a store is reached.
type Settings struct {
	// Endpoint is the store's URL; empty is Amazon's.
	Endpoint string
	// Region is the bucket's; empty: the store is asked.
	Region string
	// PathStyle puts the bucket into the path of URLs, and not into the host's name.
	PathStyle bool
	// GCS says that the store is Google's, which has a header of its own for conditions.
	GCS bool
	// AccessKey and SecretKey; empty: the environment, the files of the AWS tools, and
	// what the machine is given by its cloud, in this order.
	AccessKey, SecretKey string
	// CA is a file of certificates (PEM) that the store's is checked against; empty: the
	// system's.
	CA string
}

// amazon is the endpoint of a configuration that names none.
const amazon = "https://s3.amazonaws.com"

// Connect returns a client that tries each request once. Nothing is asked of the store.
func Connect(s Settings) (*minio.Client, error) {
	transport, err := transportOf(s.CA)
	if err != nil {
		return nil, err
	}
	return ConnectThrough(s, transport)
}

// ConnectThrough does so with a transport of the caller's; s.CA is not looked at.
func ConnectThrough(s Settings, transport http.RoundTripper) (*minio.Client, error) {
	if s.Endpoint == "" {
		s.Endpoint = amazon
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("the endpoint %q is no URL: %w", s.Endpoint, err)
	}
	creds := credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{},
		&credentials.FileAWSCredentials{},
		&credentials.IAM{Client: &http.Client{Timeout: metadataTime}},
	})
	if s.AccessKey != "" {
		creds = credentials.NewStaticV4(s.AccessKey, s.SecretKey, "")
	}
	lookup := minio.BucketLookupAuto
	if s.PathStyle {
		lookup = minio.BucketLookupPath
	}
	if s.GCS {
		transport = &gcs{next: transport, creds: creds, region: s.Region}
	}
	c, err := minio.New(u.Host, &minio.Options{
		Creds: creds, Secure: u.Scheme == "https", Transport: transport, Region: s.Region, BucketLookup: lookup,
		MaxRetries: 1, // to try again is for who knows whether that can be done
	})
	if err != nil {
		return nil, fmt.Errorf("the endpoint %q: %w", s.Endpoint, err)
	}
	return c, nil
}

// metadataTime is how long the machine's cloud is asked for a key: there may be none.
const metadataTime = 2 * time.Second

// transportOf is like http.DefaultTransport, but for what is trusted and that a store which
// takes a request and says nothing is noticed.
func transportOf(ca string) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConnsPerHost:   2 * racers,
		IdleConnTimeout:       time.Minute,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: answerTime,
		DisableCompression:    true, // else parts of objects would be taken apart
	}
	if ca == "" {
		return t, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("s3.ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("s3.ca: %s has no certificate in PEM", ca)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

// gcs says conditions in Google's way. Its XML API knows no If-None-Match for writing; an
// object that is absent has the generation 0 there:
// https://cloud.google.com/storage/docs/xml-api/reference-headers
type gcs struct {
	next   http.RoundTripper
	creds  *credentials.Credentials
	region string
}

// RoundTrip implements http.RoundTripper. The header must be signed, so the request is
// signed anew.
func (g *gcs) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodPut || req.Header.Get("If-None-Match") != "*" {
		return g.next.RoundTrip(req)
	}
	req = req.Clone(req.Context())
	req.Header.Del("If-None-Match")
	req.Header.Set("X-Goog-If-Generation-Match", "0")
	if req.Header.Get("Authorization") != "" {
		key, err := g.creds.GetWithContext(nil)
		if err != nil {
			return nil, err
		}
		req.Header.Del("Authorization")
		region := g.region
		if region == "" {
			region = "auto"
		}
		req = signer.SignV4(*req, key.AccessKeyID, key.SecretAccessKey, key.SessionToken, region)
	}
	return g.next.RoundTrip(req)
}
