"""Where the API server is, and the credentials for it: kubeconfigs, exec plugins, OpenID Connect, certificates."""
