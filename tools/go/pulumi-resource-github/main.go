package main

import (
	"strings"

	"github.com/integrations/terraform-provider-github/v6/github"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

const version = "6.15.0"

func res(name string) *tfbridge.ResourceInfo {
	m := "index/" + strings.ToLower(name[:1]) + name[1:]
	return &tfbridge.ResourceInfo{Tok: tokens.Type("github:" + m + ":" + name)}
}

func provider() tfbridge.ProviderInfo {
	p := tfbridge.ProviderInfo{
		P:       shimv2.NewProvider(github.NewProvider(version, "")()),
		Name:    "github",
		Version: version,
		Resources: map[string]*tfbridge.ResourceInfo{
			"github_branch_protection":                res("BranchProtection"),
			"github_branch_protection_v3":             res("BranchProtectionV3"),
			"github_repository":                       res("Repository"),
			"github_repository_ruleset":               res("RepositoryRuleset"),
			"github_organization_ruleset":             res("OrganizationRuleset"),
			"github_actions_repository_permissions":   res("ActionsRepositoryPermissions"),
			"github_actions_organization_permissions": res("ActionsOrganizationPermissions"),
			"github_actions_secret":                   res("ActionsSecret"),
			"github_actions_organization_secret":      res("ActionsOrganizationSecret"),
			"github_repository_environment":           res("RepositoryEnvironment"),
			"github_repository_deploy_key":            res("RepositoryDeployKey"),
		},
	}
	// The published SDK takes a list here, though it may hold one only.
	many := false
	p.Resources["github_repository_environment"].Fields = map[string]*tfbridge.SchemaInfo{
		"reviewers": {MaxItemsOne: &many},
	}
	return p
}

func main() {
	serve(provider())
}
