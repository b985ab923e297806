package main

import (
	"github.com/spf13/cobra"

	"github.com/moonkeep/moonkeep/config/schema"
)

func newSchemaCommand() *cobra.Command {
	var page bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of the configuration, for editors",
		Long: `Prints the JSON Schema (draft 2020-12) of moonkeep's YAML, TOML and JSON: every
key with its type, bounds, default and meaning. An editor with a YAML language
server completes and checks files that begin with

    # yaml-language-server: $schema=/etc/moonkeep/schema.json

--page prints the same as a reference page in Markdown.`,
		Example: `  moonkeep schema
  moonkeep schema --page`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := schema.Documented()
			if page {
				_, err := cmd.OutOrStdout().Write([]byte(s.Page()))
				return err
			}
			text, err := s.JSON()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().BoolVar(&page, "page", false, "print the reference page in Markdown instead")
	return cmd
}
