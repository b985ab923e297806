package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/config/keepalived"
)

func newKeywordsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "keywords",
		Short: "list keepalived's keywords and what becomes of each",
		Long: `Lists every keyword of keepalived 2.4.3, the block that it stands in, and what
this version of moonkeep does about it:

  acts     it has its effect
  warns    it is accepted, with a warning that nothing comes of it
  refuses  it is an error, because to run without it would be wrong

The list is made of the tables that keepalived.conf is read by. With --json it
is one array of objects with block, keyword and status.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			output := printKeywords
			if asJSON {
				output = printKeywordsJSON
			}
			if err := output(cmd.OutOrStdout(), keepalived.Keywords()); err != nil {
				return fmt.Errorf("print keywords: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the keywords as a JSON array")
	return cmd
}

func printKeywords(w io.Writer, all []keepalived.Keyword) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "BLOCK\tKEYWORD\tSTATUS")
	for _, k := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\n", k.Block, k.Keyword, k.Status)
	}
	return t.Flush() // tells the errors of the lines before it
}

// keywordJSON is the stable shape of a keyword in JSON.
type keywordJSON struct {
	Block   string `json:"block"`
	Keyword string `json:"keyword"`
	Status  string `json:"status"`
}

func printKeywordsJSON(w io.Writer, all []keepalived.Keyword) error {
	out := make([]keywordJSON, 0, len(all))
	for _, k := range all {
		out = append(out, keywordJSON(k))
	}
	return printIndented(w, out)
}
