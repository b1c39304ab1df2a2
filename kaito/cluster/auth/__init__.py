"""The address of the API server and the credentials: kubeconfigs, exec plugins, OpenID Connect, certificates."""
