package dev.bantam.checkpoint;

import java.util.Objects;

/**
 * A jar on a Maven repository whose content is pinned.
 *
 * @param coordinates {@code group:artifact:version}
 * @param sha256 hash of the jar, lower-case hex
 * @param bytes length of the jar
 * @param licence SPDX name of what lies in the jar, for the line printed before a download
 */
public record MavenArtifact(String coordinates, String sha256, long bytes, String licence) {
  public MavenArtifact {
    Objects.requireNonNull(licence, "licence");
    if (!coordinates.matches("[^:\\s]+:[^:\\s]+:[^:\\s]+")) {
      throw new IllegalArgumentException("Not group:artifact:version: " + coordinates);
    }
    if (!sha256.matches("[0-9a-f]{64}") || bytes < 1) {
      throw new IllegalArgumentException("Bad SHA-256 or length of " + coordinates);
    }
  }
}
