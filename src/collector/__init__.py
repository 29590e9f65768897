"""Walks AWS accounts, regions and services and streams the estate as a graph in JupiterOne's data model."""
