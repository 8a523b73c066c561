// Tells what BuildKit makes of a Dockerfile, without building it:
//
//	dockerfile image FOLDER TARGET…   the configuration of the image of each target, and BuildKit's warnings, as JSON
//	dockerfile context FOLDER         the files that a build is sent, by .dockerignore
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "dockerfile:", err)
		os.Exit(1)
	}
}

func run(command, folder string, targets []string) error {
	if command == "context" {
		return printContext(folder)
	}
	text, err := os.ReadFile(filepath.Join(folder, "Dockerfile"))
	if err != nil {
		return err
	}
	images := map[string]any{}
	warnings := []string{}
	for _, target := range targets {
		image, err := convert(text, target, &warnings)
		if err != nil {
			return fmt.Errorf("target %s: %w", target, err)
		}
		images[target] = image
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"images": images, "warnings": warnings})
}

func convert(text []byte, target string, warnings *[]string) (any, error) {
	warn := func(rule, description, url, message string, _ []parser.Range) {
		*warnings = append(*warnings, fmt.Sprintf("%s: %s: %s", target, rule, message))
	}
	result, err := dockerfile2llb.Dockerfile2LLB(context.Background(), text, dockerfile2llb.ConvertOpt{
		Config:         dockerui.Config{Target: target, LinterConfig: &linter.Config{}},
		MetaResolver:   anyBase{},
		TargetPlatform: &ocispecs.Platform{OS: "linux", Architecture: "amd64"},
		Warn:           warn,
	})
	if err != nil {
		return nil, err
	}
	return result.Image.Config, nil
}

// What base images there are is not asked here: no registry of images is needed.
type anyBase struct{}

func (anyBase) ResolveImageConfig(_ context.Context, reference string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return reference, "", []byte(`{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/bin:/bin"]}}`), nil
}

func printContext(folder string) error {
	file, err := os.Open(filepath.Join(folder, ".dockerignore"))
	if err != nil {
		return err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return err
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return err
	}
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil || name == "." {
			return err
		}
		if entry.IsDir() {
			// Of what is never sent the largest; what is below them is not looked at.
			if name == "target" || name == ".git" || entry.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		ignored, err := matcher.MatchesOrParentMatches(name)
		if err == nil && !ignored {
			fmt.Println(name)
		}
		return err
	})
}
