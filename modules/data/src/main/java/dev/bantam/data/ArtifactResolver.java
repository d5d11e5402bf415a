package dev.bantam.data;

import dev.bantam.checkpoint.MavenArtifact;
import java.nio.file.Path;

/** Turns an artifact into a file on this machine, downloading it if need be. */
@FunctionalInterface
public interface ArtifactResolver {
  /** The jar, whose SHA-256 has been checked against {@link MavenArtifact#sha256()}. */
  Path resolve(MavenArtifact artifact);
}
