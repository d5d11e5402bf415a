package dev.bantam.runner;

import dev.bantam.checkpoint.CacheFolder;
import dev.bantam.checkpoint.CachedFiles;
import dev.bantam.checkpoint.MavenArtifact;
import dev.bantam.checkpoint.MavenArtifacts;
import dev.bantam.checkpoint.NamedModels;
import dev.bantam.data.Tasks;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bantam cache}. */
@Command(
    name = "cache",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = {
      "Show what was downloaded or saved between runs, where, and how large it is; or remove what"
          + " Bantam saved itself.",
      "Named models and tasks lie in the local Maven repository, which belongs to Maven and is"
          + " never changed here."
    })
final class CacheCommand implements Callable<Integer> {
  /** What to do. */
  enum Action {
    /** Show. */
    LIST,
    /** Remove what Bantam saved in its cache folder. */
    CLEAN
  }

  @Parameters(
      arity = "0..1",
      paramLabel = "list|clean",
      defaultValue = "list",
      description = "What to do (default: ${DEFAULT-VALUE}).")
  private Action action;

  @Option(names = "--dry-run", description = "With clean: say what would be removed.")
  private boolean dryRun;

  @Mixin private Common common;

  @Override
  public Integer call() {
    if (dryRun && action == Action.LIST) {
      throw Main.usage("--dry-run belongs to 'cache clean'; 'cache list' changes nothing.");
    }
    final Map<String, MavenArtifact> named = named();
    final MavenArtifacts.Present maven = MavenArtifacts.present(named.values());
    final Path cache = CacheFolder.path().toAbsolutePath();
    if (action == Action.LIST) {
      repository(named, maven, System.out);
      saved(cache, CachedFiles.list(cache), System.out);
    } else {
      clean(cache, System.out);
      left(maven, System.out);
    }
    return 0;
  }

  private static Map<String, MavenArtifact> named() {
    final Map<String, MavenArtifact> named = new LinkedHashMap<>();
    NamedModels.all().forEach(m -> named.put("model " + m.name(), m.artifact()));
    Tasks.all().forEach(t -> named.put("task " + t.name(), t.artifact()));
    return named;
  }

  private static void repository(
      Map<String, MavenArtifact> named, MavenArtifacts.Present maven, PrintStream out) {
    out.println("Local Maven repository " + maven.repository());
    named.forEach(
        (name, artifact) -> {
          final Path jar = maven.jars().get(artifact);
          out.printf(
              Locale.ROOT,
              "  %-26s %9s  %s%n",
              name,
              jar == null ? "-" : size(jar.toFile().length()),
              jar == null
                  ? "not there, " + size(artifact.bytes()) + " to download on first use"
                  : jar.toString());
        });
    out.printf(
        Locale.ROOT,
        "  %-26s %9s%n",
        maven.jars().size() + " of " + named.size(),
        size(bytes(maven)));
  }

  private static long bytes(MavenArtifacts.Present maven) {
    return maven.jars().values().stream().distinct().mapToLong(j -> j.toFile().length()).sum();
  }

  private static void saved(Path cache, List<CachedFiles.Entry> entries, PrintStream out) {
    out.println("Cache folder " + cache);
    for (final CachedFiles.Entry entry : entries) {
      out.printf(
          Locale.ROOT,
          "  %9s  %s%s%n",
          size(entry.bytes()),
          entry.path(),
          entry.own() ? "" : "  (not made by Bantam)");
    }
    out.println("  " + total(entries));
  }

  private void clean(Path cache, PrintStream out) {
    final List<CachedFiles.Entry> own =
        dryRun
            ? CachedFiles.list(cache).stream().filter(CachedFiles.Entry::own).toList()
            : CachedFiles.clean(cache);
    if (!common.quiet()) {
      own.forEach(entry -> out.println((dryRun ? "would remove " : "removed ") + entry.path()));
    }
    out.println((dryRun ? "Would free " : "Freed ") + total(own) + " in " + cache);
    final List<CachedFiles.Entry> others =
        CachedFiles.list(cache).stream().filter(entry -> !entry.own()).toList();
    if (!others.isEmpty()) {
      out.println("Left there, as not made by Bantam: " + total(others));
    }
  }

  private static void left(MavenArtifacts.Present maven, PrintStream out) {
    if (!maven.jars().isEmpty()) {
      out.printf(
          Locale.ROOT,
          "Left in %s, which belongs to Maven and may serve other programs: %d jars, %s."
              + " To be rid of one, delete its folder:%n",
          maven.repository(),
          maven.jars().values().stream().distinct().count(),
          size(bytes(maven)));
      maven.jars().values().stream().distinct().forEach(jar -> out.println("  " + jar.getParent()));
    }
  }

  private static String total(List<CachedFiles.Entry> entries) {
    return entries.size()
        + (entries.size() == 1 ? " file, " : " files, ")
        + size(entries.stream().mapToLong(CachedFiles.Entry::bytes).sum());
  }

  private static String size(long bytes) {
    return bytes < 100_000
        ? String.format(Locale.ROOT, "%d bytes", bytes)
        : String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
  }
}
