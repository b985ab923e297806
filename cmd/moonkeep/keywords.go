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
		Short: "list keepalived's keywords and how each is supported",
		Long: `Lists every keyword of keepalived 2.4.3, the block it belongs to, and what this
version of moonkeep does with it:

  acts     it has its effect
  warns    it is accepted, with a warning that it has no effect
  refuses  it is an error, because running without it would be wrong

The list comes from the tables that the parser uses. With --json it is one array
of objects with block, keyword and status.`,
		Example: `  moonkeep keywords
  moonkeep keywords --json`,
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
