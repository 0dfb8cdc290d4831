// SPDX-License-Identifier: Apache-2.0

// go-client walks Parsec's Go client, unchanged, through a service: what works and, with the exact
// status, what is refused.  One line per step: "ok STEP", "skip STEP: why" or "FAIL STEP: why".
//
//	go-client [--provider N] [--auth direct:NAME|unix] [--other NAME] [--only GROUPS] [--prefix TEXT] [--mac]
//
// PARSEC_SERVICE_ENDPOINT names the socket, as for every Parsec client.  Exit: 0 good, 1 a step
// failed, 2 usage.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/parallaxsecond/parsec-client-go/interface/auth"
	"github.com/parallaxsecond/parsec-client-go/interface/connection"
	"github.com/parallaxsecond/parsec-client-go/interface/operations"
	"github.com/parallaxsecond/parsec-client-go/interface/requests"
	"github.com/parallaxsecond/parsec-client-go/parsec"
)

// Statuses of the wire that the steps expect; the client's errors carry only text.
const (
	success          = 0
	notAuthenticated = 19
	notPermitted     = 1133
	notSupported     = 1134
	invalidArgument  = 1135
	alreadyExists    = 1139
	doesNotExist     = 1140
	invalidSignature = 1149
)

const headerBytes = 36

// recorder is the client's own connection; it keeps a copy of the last answer.
type recorder struct {
	connection.Connection
	answer []byte
}

func (r *recorder) Open() error {
	r.answer = nil
	return r.Connection.Open()
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Connection.Read(p)
	r.answer = append(r.answer, p[:n]...)
	return n, err
}

// status is that of the last answer, -1 if there was no whole one.
func (r *recorder) status() int {
	if len(r.answer) < headerBytes {
		return -1
	}
	body := int(binary.LittleEndian.Uint32(r.answer[22:]))
	status := int(binary.LittleEndian.Uint16(r.answer[32:]))
	if len(r.answer) != headerBytes+body || (status != success && body != 0) {
		return -1
	}
	return status
}

type tester struct {
	rec      *recorder
	client   *parsec.BasicClient // what a Go program would use
	ops      *operations.Client  // the layer below, where the upper one drops fields
	auth     auth.Authenticator
	provider requests.ProviderID
	others   []requests.ProviderID // further crypto providers of the service
	opcodes  []uint32              // what the service lists for provider
	other    string
	prefix   string // of key names, so that runs do not meet
	failed   bool
}

func (t *tester) ok(step string) bool {
	fmt.Println("ok", step)
	return true
}

func (t *tester) fail(step, format string, args ...any) bool {
	fmt.Printf("FAIL %s: %s\n", step, fmt.Sprintf(format, args...))
	t.failed = true
	return false
}

func (t *tester) skip(step, why string) { fmt.Printf("skip %s: %s\n", step, why) }

// expect judges the call just made: exactly this status, and the client saw it so too.
func (t *tester) expect(step string, status int, err error) bool {
	got := t.rec.status()
	switch {
	case got != status:
		return t.fail(step, "status %d, not %d (%v)", got, status, err)
	case (status == success) != (err == nil):
		return t.fail(step, "status %d, but the client says: %v", got, err)
	}
	return t.ok(step)
}

func (t *tester) check(step string, good bool, format string, args ...any) bool {
	if !good {
		return t.fail(step, format, args...)
	}
	return t.ok(step)
}

func (t *tester) listed(op requests.OpCode) bool { return slices.Contains(t.opcodes, uint32(op)) }

func parseAuth(text string) (auth.Authenticator, parsec.Authenticator, error) {
	if text == "unix" {
		return auth.NewUnixPeerAuthenticator(), parsec.NewUnixPeerAuthenticator(), nil
	}
	if name, found := strings.CutPrefix(text, "direct:"); found {
		return auth.NewDirectAuthenticator(name), parsec.NewDirectAuthenticator(name), nil
	}
	return nil, nil, fmt.Errorf("--auth %q is neither direct:NAME nor unix", text)
}

func newTester(provider uint, authText string) (*tester, error) {
	low, high, err := parseAuth(authText)
	if err != nil {
		return nil, err
	}
	conn, err := connection.NewDefaultConnection()
	if err != nil {
		return nil, err
	}
	t := &tester{
		rec:      &recorder{Connection: conn},
		auth:     low,
		provider: requests.ProviderID(provider),
	}
	config := parsec.NewClientConfig().Connection(t.rec).Provider(parsec.ProviderID(provider)).Authenticator(high)
	if t.client, err = parsec.CreateConfiguredClient(config); err != nil {
		return nil, err
	}
	t.ops, err = operations.InitClientFromConnection(t.rec)
	return t, err
}

func main() {
	provider := flag.Uint("provider", 1, "provider `id`: 1 Mbed Crypto, 2 PKCS#11, 3 TPM")
	authText := flag.String("auth", "unix", "`how` to authenticate: direct:NAME or unix")
	other := flag.String("other", "", "`name` of a Direct application that has a tenant, but not our keys")
	only := flag.String("only", "core,ecc,rsa,more", "comma separated `groups` of steps")
	prefix := flag.String("prefix", fmt.Sprintf("go-%d", os.Getpid()), "`text` before the names of keys")
	mac := flag.Bool("mac", false, "also the MAC operations, which no service lists")
	flag.Parse()

	// Without cgo the client's user.Current() wants these for a uid that has no passwd entry.
	for _, name := range []string{"USER", "HOME"} {
		if os.Getenv(name) == "" {
			os.Setenv(name, "/")
		}
	}

	t, err := newTester(*provider, *authText)
	if err != nil || flag.NArg() > 0 || *provider < 1 || *provider > 4 {
		fmt.Fprintln(os.Stderr, "go-client: bad arguments:", err, flag.Args())
		os.Exit(2)
	}
	t.other, t.prefix = *other, *prefix

	groups := map[string]func(){"core": func() {}, "ecc": t.ecc, "rsa": t.rsa, "more": t.more}
	reached := t.core()
	for _, name := range strings.Split(*only, ",") {
		group, known := groups[name]
		if !known {
			fmt.Fprintln(os.Stderr, "go-client: no such group:", name)
			os.Exit(2)
		}
		if reached {
			group()
		}
	}
	if reached && *mac {
		t.mac()
	}
	if t.failed {
		os.Exit(1)
	}
}
