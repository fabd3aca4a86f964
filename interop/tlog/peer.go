// Reads a log that Fairweight wrote with the code of the Go checksum database, and answers with proofs, tiles and a
// note of its own. Input and output are JSON, see go.test.ts.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
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

type tile struct {
	L int
	N int64
	W int
}

type input struct {
	Directory, LogKey string
	Inclusion         []inclusion
	Consistency       []consistency
	// Proofs that we refuse.
	WrongInclusion   []inclusion
	WrongConsistency []consistency
	// From one size to another.
	Grown [][2]int64
	Tiles []tile
}

type output struct {
	Opened      string
	Root        tlog.Hash
	Inclusion   [][]tlog.Hash
	Consistency [][]tlog.Hash
	// Of the wrong ones, by place: those that are right to this code.
	Accepted []string
	NewTiles [][]string
	Tiles    [][]byte
	Note     string
	NoteKey  string
}

// The tile reader authenticates each tile against the tree before it hands out a hash.
type directory string

func (d directory) Height() int { return 8 }

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		bytes, err := os.ReadFile(d.find(tile))
		if err != nil {
			return nil, err
		}
		if len(bytes) < tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s is too short", pathOf(tile))
		}
		data[i] = bytes[:tile.W*tlog.HashSize]
	}
	return data, nil
}

// A tile that was wider later begins with what it was.
func (d directory) find(tile tlog.Tile) string {
	exact := filepath.Join(string(d), pathOf(tile))
	if _, err := os.Stat(exact); err == nil {
		return exact
	}
	full := tile
	full.W = 256
	path := filepath.Join(string(d), pathOf(full))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	widths := []int{}
	entries, _ := os.ReadDir(path + ".p")
	for _, entry := range entries {
		if width, err := strconv.Atoi(entry.Name()); err == nil && width >= tile.W {
			widths = append(widths, width)
		}
	}
	sort.Ints(widths)
	if len(widths) == 0 {
		return exact
	}
	return filepath.Join(path+".p", strconv.Itoa(widths[0]))
}

// Hashes made here from the entries alone.
type storage []tlog.Hash

func (s storage) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(s)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		hashes[i] = s[index]
	}
	return hashes, nil
}

func build(size int64) storage {
	stored := storage{}
	for n := int64(0); n < size; n++ {
		hashes, err := tlog.StoredHashes(n, []byte(fmt.Sprintf("entry %d", n)), stored)
		check(err)
		stored = append(stored, hashes...)
	}
	return stored
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
	at := func(size int64, root tlog.Hash) tlog.HashReader {
		return tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, directory(in.Directory))
	}
	for _, p := range in.Inclusion {
		check(tlog.CheckRecord(p.Path, p.Size, p.Root, p.Index, p.Leaf))
		proof, err := tlog.ProveRecord(p.Size, p.Index, at(p.Size, p.Root))
		check(err)
		out.Inclusion = append(out.Inclusion, proof)
	}
	for _, p := range in.Consistency {
		check(tlog.CheckTree(p.Path, p.Second, p.SecondRoot, p.First, p.FirstRoot))
		proof, err := tlog.ProveTree(p.Second, p.First, at(p.Second, p.SecondRoot))
		check(err)
		out.Consistency = append(out.Consistency, proof)
	}
	for i, p := range in.WrongInclusion {
		if tlog.CheckRecord(p.Path, p.Size, p.Root, p.Index, p.Leaf) == nil {
			out.Accepted = append(out.Accepted, fmt.Sprintf("inclusion %d", i))
		}
	}
	for i, p := range in.WrongConsistency {
		if tlog.CheckTree(p.Path, p.Second, p.SecondRoot, p.First, p.FirstRoot) == nil {
			out.Accepted = append(out.Accepted, fmt.Sprintf("consistency %d", i))
		}
	}
	for _, grown := range in.Grown {
		paths := []string{}
		for _, tile := range tlog.NewTiles(8, grown[0], grown[1]) {
			paths = append(paths, pathOf(tile))
		}
		out.NewTiles = append(out.NewTiles, paths)
	}
	stored := build(tree.N)
	for _, t := range in.Tiles {
		data, err := tlog.ReadTileData(tlog.Tile{H: 8, L: t.L, N: t.N, W: t.W}, stored)
		check(err)
		out.Tiles = append(out.Tiles, data)
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
