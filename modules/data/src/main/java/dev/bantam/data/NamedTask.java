package dev.bantam.data;

import dev.bantam.checkpoint.MavenArtifact;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.Function;

/** A task that the product knows by name and extracts from one artifact. */
public final class NamedTask {
  private final String name;
  private final String description;
  private final MavenArtifact artifact;
  private final Function<Path, Task> extraction;

  NamedTask(
      String name, String description, MavenArtifact artifact, Function<Path, Task> extraction) {
    this.name = Objects.requireNonNull(name, "name");
    this.description = Objects.requireNonNull(description, "description");
    this.artifact = Objects.requireNonNull(artifact, "artifact");
    this.extraction = Objects.requireNonNull(extraction, "extraction");
  }

  /** The name in experiment files. */
  public String name() {
    return name;
  }

  /** One line for listings. */
  public String description() {
    return description;
  }

  /** What has to be fetched before the task can be opened. */
  public MavenArtifact artifact() {
    return artifact;
  }

  /** Fetches the artifact and extracts the task. */
  public Task open(ArtifactResolver resolver) {
    return extraction.apply(resolver.resolve(artifact));
  }
}
