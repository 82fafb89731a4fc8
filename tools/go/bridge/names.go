package main

import (
	"encoding/json"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
)

// property is what a Python SDK must agree with: the name on the wire, whether it is a list there (a list of at most
// one may be a single value), and the same for what is nested in it.
type property struct {
	List   bool                `json:"list"`
	Input  bool                `json:"input"`
	Nested map[string]property `json:"nested,omitempty"`
}

func properties(fields shim.SchemaMap, infos map[string]*tfbridge.SchemaInfo) map[string]property {
	named := map[string]property{}
	fields.Range(func(key string, field shim.Schema) bool {
		info := infos[key]
		many := field.Type() == shim.TypeList || field.Type() == shim.TypeSet
		p := property{
			List:  many && !tfbridge.IsMaxItemsOne(field, info),
			Input: field.Required() || field.Optional(),
		}
		if nested, ok := field.Elem().(shim.Resource); ok {
			var inner map[string]*tfbridge.SchemaInfo
			if info != nil && info.Elem != nil {
				inner = info.Elem.Fields
			}
			p.Nested = properties(nested.Schema(), inner)
		}
		named[tfbridge.TerraformToPulumiNameV2(key, fields, infos)] = p
		return true
	})
	return named
}

// serve answers -names with the mapped resources and the configuration as JSON, and is the plugin otherwise.
func serve(info tfbridge.ProviderInfo) {
	if len(os.Args) == 2 && os.Args[1] == "-names" {
		resources := map[string]map[string]property{}
		for name, resource := range info.Resources {
			found, ok := info.P.ResourcesMap().GetOk(name)
			if !ok {
				panic(name + " is mapped but the provider has no such resource")
			}
			resources[string(resource.Tok)] = properties(found.Schema(), resource.Fields)
		}
		out := map[string]any{"resources": resources, "config": properties(info.P.Schema(), info.Config)}
		if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
			panic(err)
		}
		return
	}
	schema, err := json.Marshal(map[string]string{"name": info.Name, "version": info.Version})
	if err != nil {
		panic(err)
	}
	tfbridge.Main(info.Name, info.Version, info, schema)
}
