package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/convert"
	"github.com/moonkeep/moonkeep/config/document"
	"github.com/moonkeep/moonkeep/config/excerpt"
	"github.com/moonkeep/moonkeep/config/load"
)

// convertOptions are the flags of convert.
type convertOptions struct {
	to, output, configID string
	secrets, force       bool
}

func newConvertCommand() *cobra.Command {
	var o convertOptions
	cmd := &cobra.Command{
		Use:   "convert FILE",
		Short: "translate a configuration into another language",
		Long: `Translates keepalived.conf into YAML, TOML or JSON, and back, comments included.
The result is read back and compared: either both files mean the same, or the
differences are printed.

What the other language cannot express, and what could not be kept as it was
(included files, definitions), is listed on standard error. Secrets such as
auth_pass are left out unless --secrets is given; a file without them does not
load, so it cannot be run by mistake.

Exit status 0: everything was translated. 1: something was not; the result is
written all the same. 2: wrong use, or FILE cannot be read.`,
		Example: `  moonkeep convert keepalived.conf
  moonkeep convert keepalived.conf --secrets -o moonkeep.yaml
  moonkeep convert moonkeep.yaml --to keepalived`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return convertFile(args[0], o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&o.to, "to", "", "the `language` to write: "+strings.Join(convert.Languages(), ", ")+" (default: yaml for a keepalived.conf, keepalived for the others)")
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "write to this `file`, readable by its owner only, instead of standard output")
	cmd.Flags().BoolVar(&o.force, "force", false, "overwrite an existing file")
	cmd.Flags().BoolVar(&o.secrets, "secrets", false, "write passwords and keys too")
	cmd.Flags().StringVarP(&o.configID, "config-id", "i", "", configIDHelp)
	return cmd
}

func convertFile(path string, o convertOptions, stdout, stderr io.Writer) error {
	native := !load.OfKeepalived(path)
	if o.to == "" {
		o.to = convert.YAML
		if native {
			o.to = convert.Keepalived
		}
	}
	c, found, err := load.FileAs(path, givenConfigID(o.configID))
	if err != nil {
		return err
	}
	texts, err := readTexts(c.Files)
	if err != nil {
		return err
	}
	if found.Errors() {
		if err := printFindings(stderr, slices.DeleteFunc(found, func(f config.Finding) bool { return f.Severity != config.Error }), texts, checkOptions{}); err != nil {
			return err
		}
		fmt.Fprintf(stderr, "moonkeep: %s has errors; put them right first\n", path)
		return exitNo
	}
	var comments []document.Comment
	var unshown config.Findings
	for _, t := range texts {
		all := document.Comments(t.File, t.Data)
		if !o.secrets {
			all, unshown = withoutSecrets(all, excerpt.New(t.File, t.Data), unshown)
		}
		comments = append(comments, all...)
	}
	text, lost, err := convert.To(o.to, c, comments, o.secrets)
	if err != nil {
		return err
	}
	lost = append(lost, unshown...)
	if !native {
		lost = append(lost, convert.Unread(found)...)
		lost = append(lost, convert.Flattened(texts[0].File, texts[0].Data)...)
	}
	if err := writeConverted(text, o, stdout); err != nil {
		return err
	}
	for _, f := range lost {
		fmt.Fprintln(stderr, f)
	}
	if len(lost) > 0 {
		return exitNo
	}
	return nil
}

// withoutSecrets leaves out the comments that a secret may stand in or beside,
// such as the password before the present one.
func withoutSecrets(all []document.Comment, text *excerpt.Text, found config.Findings) ([]document.Comment, config.Findings) {
	var kept []document.Comment
	for _, c := range all {
		if text.Hides(c.At.Line()) {
			found.Add(c.At, config.Warning, "secret-left-out", "the comment is left out because a secret may stand in it; --secrets writes it")
			continue
		}
		kept = append(kept, c)
	}
	return kept, found
}

func writeConverted(text []byte, o convertOptions, stdout io.Writer) error {
	if o.output == "" {
		_, err := stdout.Write(text)
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if o.force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(o.output, flags, 0o600)
	if os.IsExist(err) {
		return fmt.Errorf("write %s: it is there already; --force writes over it", o.output)
	}
	if err != nil {
		return fmt.Errorf("write the converted configuration: %w", err)
	}
	if _, err := f.Write(text); err != nil {
		_ = f.Close() // the first error counts
		return fmt.Errorf("write the converted configuration: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write the converted configuration: %w", err)
	}
	return nil
}
