package dev.bantam.data;

import java.nio.file.Path;

/** Turns an artifact into a file on this machine, downloading it if need be. */
@FunctionalInterface
public interface ArtifactResolver {
  /** The jar, whose SHA-256 has been checked against {@link Artifact#sha256()}. */
  Path resolve(Artifact artifact);
}
