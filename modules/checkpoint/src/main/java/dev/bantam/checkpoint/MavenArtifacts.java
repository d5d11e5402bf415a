package dev.bantam.checkpoint;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Hashes;
import eu.maveniverse.maven.mima.context.Context;
import eu.maveniverse.maven.mima.context.ContextOverrides;
import eu.maveniverse.maven.mima.context.Runtimes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.eclipse.aether.artifact.Artifact;
import org.eclipse.aether.artifact.DefaultArtifact;
import org.eclipse.aether.repository.LocalArtifactRequest;
import org.eclipse.aether.resolution.ArtifactRequest;
import org.eclipse.aether.resolution.ArtifactResolutionException;
import org.eclipse.aether.transfer.AbstractTransferListener;
import org.eclipse.aether.transfer.TransferEvent;

/**
 * Finds pinned jars in the user's local Maven repository, downloading what is missing through the
 * user's own Maven settings (mirrors, proxies, credentials, local repository, offline). Only the
 * jar itself is fetched, never what it depends on.
 *
 * <p>A jar whose hash was right once is remembered by length and time of change, so that it is
 * neither looked up nor hashed again until one of them differs.
 */
public final class MavenArtifacts {
  /** Folder of {@link VerifiedJars} in the cache folder. */
  static final String NOTES = "verified-jars";

  private final Progress progress;
  private final boolean offline;
  private final VerifiedJars verified;
  private final Path cache;

  /**
   * Uses the cache folder of {@link CacheFolder#path()}.
   *
   * @param offline whether to refuse a download
   */
  public MavenArtifacts(Progress progress, boolean offline) {
    this(progress, offline, CacheFolder.path());
  }

  MavenArtifacts(Progress progress, boolean offline, Path cache) {
    this.progress = progress;
    this.offline = offline;
    this.verified = new VerifiedJars(cache.resolve(NOTES));
    this.cache = cache;
  }

  /** The cache folder. */
  Path cache() {
    return cache;
  }

  /**
   * The local path of a jar whose content is the pinned one.
   *
   * @throws BantamException (bad input) if it cannot be found or fetched, or its content differs
   */
  public Path resolve(MavenArtifact artifact) {
    final Optional<Path> known = verified.find(artifact);
    if (known.isPresent()) {
      return known.get();
    }
    final Path jar = locate(artifact);
    verify(artifact, jar);
    verified.remember(artifact, jar);
    return jar;
  }

  /**
   * What lies in the local Maven repository.
   *
   * @param repository its folder
   * @param jars path of each jar that is there, by its artifact
   */
  public record Present(Path repository, Map<MavenArtifact, Path> jars) {
    public Present {
      jars = Collections.unmodifiableMap(new LinkedHashMap<>(jars));
    }
  }

  /** Which of some jars are in the local Maven repository. Downloads and hashes nothing. */
  public static Present present(Collection<MavenArtifact> artifacts) {
    final ContextOverrides overrides =
        ContextOverrides.create().withUserSettings(true).offline(true).build();
    final Map<MavenArtifact, Path> jars = new LinkedHashMap<>();
    try (Context maven = Runtimes.INSTANCE.getRuntime().create(overrides)) {
      final var session = maven.repositorySystemSession();
      final var local = session.getLocalRepositoryManager();
      for (final MavenArtifact artifact : artifacts) {
        final var found =
            local
                .find(
                    session,
                    new LocalArtifactRequest(
                        new DefaultArtifact(artifact.coordinates()),
                        maven.remoteRepositories(),
                        null))
                .getFile();
        if (found != null && found.isFile()) {
          jars.put(artifact, found.toPath());
        }
      }
      return new Present(session.getLocalRepository().getBasedir().toPath(), jars);
    }
  }

  private Path locate(MavenArtifact artifact) {
    final Download download = new Download(progress, artifact.coordinates());
    final ContextOverrides.Builder overrides =
        ContextOverrides.create().withUserSettings(true).transferListener(download);
    if (offline) {
      overrides.offline(true);
    }
    try (Context maven = Runtimes.INSTANCE.getRuntime().create(overrides.build())) {
      final Artifact wanted = new DefaultArtifact(artifact.coordinates());
      announce(artifact, wanted, maven);
      return maven
          .repositorySystem()
          .resolveArtifact(
              maven.repositorySystemSession(),
              new ArtifactRequest(wanted, maven.remoteRepositories(), null))
          .getArtifact()
          .getFile()
          .toPath();
    } catch (ArtifactResolutionException e) {
      throw BantamException.badInput(notFound(artifact, e), e);
    } finally {
      download.close();
    }
  }

  private void announce(MavenArtifact artifact, Artifact wanted, Context maven) {
    final var session = maven.repositorySystemSession();
    final var local = session.getLocalRepositoryManager();
    final boolean present =
        local
            .find(session, new LocalArtifactRequest(wanted, maven.remoteRepositories(), null))
            .isAvailable();
    if (!present && !session.isOffline()) {
      progress.message(
          String.format(
              Locale.ROOT,
              "Downloading %s (%.1f MB, licence %s) to %s",
              artifact.coordinates(),
              artifact.bytes() / 1e6,
              artifact.licence(),
              session.getLocalRepository().getBasedir()));
    }
  }

  private String notFound(MavenArtifact artifact, ArtifactResolutionException e) {
    return String.format(
        Locale.ROOT,
        "Maven cannot provide %s (%.1f MB): %s. %s",
        artifact.coordinates(),
        artifact.bytes() / 1e6,
        e.getMessage(),
        offline
            ? "Run once without --offline to download it."
            : "Check the network, and mirrors and proxies in Maven's settings.xml.");
  }

  private static void verify(MavenArtifact artifact, Path jar) {
    try {
      final String actual = Hashes.of(jar);
      if (!actual.equals(artifact.sha256())) {
        throw BantamException.badInput(
            String.format(
                Locale.ROOT,
                "%s is not the pinned %s: its SHA-256 is %s (%d bytes), not %s (%d bytes)."
                    + " Delete the file and run again; if it stays so, the repository serves"
                    + " something else.",
                jar,
                artifact.coordinates(),
                actual,
                Files.size(jar),
                artifact.sha256(),
                artifact.bytes()));
      }
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + jar + ": " + e.getMessage() + ".", e);
    }
  }

  /** Draws one bar for the jar being fetched. */
  private static final class Download extends AbstractTransferListener implements AutoCloseable {
    private final Progress progress;
    private final String task;
    private Progress.Bar bar;
    private long done;

    Download(Progress progress, String task) {
      this.progress = progress;
      this.task = task;
    }

    @Override
    public synchronized void transferProgressed(TransferEvent event) {
      if (!event.getResource().getResourceName().endsWith(".jar")) {
        return;
      }
      if (bar == null) {
        bar = progress.start(task, event.getResource().getContentLength(), "bytes");
      }
      bar.advance(event.getTransferredBytes() - done);
      done = event.getTransferredBytes();
    }

    @Override
    public synchronized void close() {
      if (bar != null) {
        bar.close();
      }
    }
  }
}
