// SPDX-License-Identifier: Apache-2.0

// go-spiffe gives go-spiffe's verdict on a corpus of SPIFFE IDs, tokens and key documents: one JSON line of
// tests/support/corpus.h in on standard input, one verdict out, as tests/conformance/opinion.h says.  It adds no
// validation of its own.  The library reads the clock itself, so every question is asked in a testing/synctest bubble,
// whose clock is first moved to the corpus's time.
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
)

type line struct {
	Kind, Name, Input, Keys string
	Documents               [][2]string
	Time                    int64
	Audiences               []string
}

func unhex(text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

func no(err error) string {
	return "no " + strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, err.Error())
}

// kid as every runner writes it.
func kid(text string) string {
	var out strings.Builder
	for _, c := range []byte(text) {
		if c < 0x80 && (c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || bytes.IndexByte([]byte("._-"), c) >= 0) {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02x", c)
		}
	}
	return out.String()
}

func kids[T any](authorities map[string]T) string {
	names := []string{}
	for name := range authorities {
		names = append(names, name)
	}
	slices.Sort(names)
	for i := range names {
		names[i] = kid(names[i])
	}
	return strings.Join(names, ",")
}

// judgeKeys parses every document; one that go-spiffe refuses leaves its domain without keys.
func judgeKeys(l *line, set *jwtbundle.Set) string {
	verdict := "ok"
	for _, pair := range l.Documents {
		name := strings.TrimPrefix(string(unhex(pair[0])), "spiffe://")
		td := spiffeid.RequireTrustDomainFromString(name)
		document := unhex(pair[1])
		if l.Kind == "bundle" {
			found, authorities := "", 0
			if bundle, err := spiffebundle.Parse(td, document); err == nil {
				found, authorities = kids(bundle.JWTAuthorities()), len(bundle.X509Authorities())
			}
			verdict += fmt.Sprintf(" %s:%s+%d", name, found, authorities)
			continue
		}
		bundle, err := jwtbundle.Parse(td, document)
		if err != nil {
			verdict += fmt.Sprintf(" %s:", name)
			continue
		}
		set.Add(bundle)
		verdict += fmt.Sprintf(" %s:%s", name, kids(bundle.JWTAuthorities()))
	}
	return verdict
}

func judge(l *line, sets map[string]*jwtbundle.Set) string {
	switch l.Kind {
	case "id":
		id, err := spiffeid.FromString(string(unhex(l.Input)))
		if err != nil {
			return no(err)
		}
		return "ok " + id.String()
	case "token":
		svid, err := jwtsvid.ParseAndValidate(string(unhex(l.Input)), sets[l.Keys], l.Audiences)
		if err != nil {
			return no(err)
		}
		return "ok " + svid.ID.String()
	default:
		sets[l.Keys] = jwtbundle.NewSet()
		return judgeKeys(l, sets[l.Keys])
	}
}

// at asks with the bubble's clock, which begins in the year 2000, moved to the line's time.
func at(t *testing.T, l *line, sets map[string]*jwtbundle.Set) (verdict string) {
	synctest.Test(t, func(*testing.T) {
		defer func() {
			if r := recover(); r != nil {
				verdict = "panic"
			}
		}()
		if l.Time > 0 {
			time.Sleep(time.Until(time.Unix(l.Time, 0)))
		}
		verdict = judge(l, sets)
	})
	return verdict
}

func run(t *testing.T) {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	sets := map[string]*jwtbundle.Set{}
	for {
		text, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		l := line{}
		if err := json.Unmarshal(text, &l); err != nil {
			panic(err)
		}
		fmt.Fprintln(out, at(t, &l, sets))
	}
}

func main() {
	if len(os.Args) > 1 {
		fmt.Println("usage: go-spiffe <CORPUS >VERDICTS")
		return
	}
	// A bubble wants a test, and a test wants its flags; what it prints at the end is the line "PASS".
	testing.Main(func(string, string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: "corpus", F: run}}, nil, nil)
}
