// Reads a log that Fairweight wrote with the code of the Go checksum database, and answers with proofs and a
// note of its own. Input and output are JSON, see go.test.ts.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type inclusion struct {
	Size, Index int64
	Root, Leaf  tlog.Hash
	Path        []tlog.Hash
}

type consistency struct {
	First, Second         int64
	FirstRoot, SecondRoot tlog.Hash
	Path                  []tlog.Hash
}

type input struct {
	Directory, LogKey string
	Inclusion         []inclusion
	Consistency       []consistency
}

type output struct {
	Opened      string
	Root        tlog.Hash
	Inclusion   [][]tlog.Hash
	Consistency [][]tlog.Hash
	NewTiles    []string
	Note        string
	NoteKey     string
}

// The tile reader authenticates each tile against the tree before it hands out a hash.
type directory string

func (d directory) Height() int { return 8 }

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		bytes, err := os.ReadFile(filepath.Join(string(d), pathOf(tile)))
		if err != nil {
			return nil, err
		}
		data[i] = bytes
	}
	return data, nil
}

// The checksum database names the height in its paths, C2SP's layout does not.
func pathOf(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
}

func main() {
	var in input
	check(json.NewDecoder(os.Stdin).Decode(&in))
	var out output

	verifier, err := note.NewVerifier(in.LogKey)
	check(err)
	signed, err := os.ReadFile(filepath.Join(in.Directory, "checkpoint"))
	check(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	if len(opened.Sigs) != 1 || len(opened.UnverifiedSigs) != 1 {
		check(fmt.Errorf("%d known and %d unknown signatures", len(opened.Sigs), len(opened.UnverifiedSigs)))
	}
	out.Opened = opened.Text
	tree := parse(opened.Text)

	reader := tlog.TileHashReader(tree, directory(in.Directory))
	out.Root, err = tlog.TreeHash(tree.N, reader)
	check(err)
	for _, p := range in.Inclusion {
		check(tlog.CheckRecord(p.Path, p.Size, p.Root, p.Index, p.Leaf))
		proof, err := tlog.ProveRecord(p.Size, p.Index, reader)
		check(err)
		out.Inclusion = append(out.Inclusion, proof)
	}
	for _, p := range in.Consistency {
		check(tlog.CheckTree(p.Path, p.Second, p.SecondRoot, p.First, p.FirstRoot))
		proof, err := tlog.ProveTree(p.Second, p.First, reader)
		check(err)
		out.Consistency = append(out.Consistency, proof)
	}
	for _, tile := range tlog.NewTiles(8, 0, tree.N) {
		out.NewTiles = append(out.NewTiles, pathOf(tile))
	}

	signerKey, verifierKey, err := note.GenerateKey(rand.Reader, "peer.example/go")
	check(err)
	signer, err := note.NewSigner(signerKey)
	check(err)
	message, err := note.Sign(&note.Note{Text: opened.Text}, signer)
	check(err)
	out.Note, out.NoteKey = string(message), verifierKey
	check(json.NewEncoder(os.Stdout).Encode(out))
}

func parse(text string) tlog.Tree {
	lines := bytes.Split([]byte(text), []byte("\n"))
	size, err := strconv.ParseInt(string(lines[1]), 10, 64)
	check(err)
	hash, err := tlog.ParseHash(string(lines[2]))
	check(err)
	return tlog.Tree{N: size, Hash: hash}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
