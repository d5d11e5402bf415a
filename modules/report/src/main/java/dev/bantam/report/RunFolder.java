package dev.bantam.report;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Hashes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What a run has left behind: its finished cells, its manifest and the hash of its resolved
 * experiment. A snapshot; later changes of the folder do not show.
 */
public final class RunFolder {
  static final String RESULT = "result.json";
  static final String TIMINGS = "timings.json";
  static final String MANIFEST = "manifest.json";
  static final String RESOLVED = "experiment.resolved.yaml";

  /**
   * One finished cell, evaluated or failed.
   *
   * @param folder name of its folder under {@code cells}
   * @param record its {@code result.json}
   * @param timings its {@code timings.json}, if there is one
   */
  public record Cell(String folder, CellRecord record, Optional<CellTimings> timings) {
    public Cell {
      Objects.requireNonNull(folder, "folder");
      Objects.requireNonNull(record, "record");
      Objects.requireNonNull(timings, "timings");
    }
  }

  private final String name;
  private final List<Cell> cells;
  private final JsonNode manifest;
  private final String resolvedSha256;

  private RunFolder(String name, List<Cell> cells, JsonNode manifest, String resolvedSha256) {
    this.name = name;
    this.cells = List.copyOf(cells);
    this.manifest = manifest;
    this.resolvedSha256 = resolvedSha256;
  }

  /**
   * Reads a run folder: {@code cells/*}{@code /result.json} with {@code timings.json} beside it,
   * {@code manifest.json} and {@code experiment.resolved.yaml}. A cell without a result is half
   * done and left out, as is one that is not in the manifest's {@code cells}, if it has them; one
   * without timings counts as not timed.
   *
   * <p>Cells are sorted by model, task, variant, seed and draw; variants in the order of the
   * manifest's {@code variants}, then by name.
   *
   * @throws BantamException (bad input) naming the file that is missing or damaged
   */
  public static RunFolder read(Path folder) {
    final JsonNode manifest = Json.tree(folder.resolve(MANIFEST));
    if (!manifest.isObject()) {
      throw BantamException.badInput(
          folder.resolve(MANIFEST)
              + " does not hold a JSON object. Run the experiment again to have it rewritten.");
    }
    final String sha256 = hash(folder.resolve(RESOLVED));
    final RunFolder planned = new RunFolder("", List.of(), manifest, sha256);
    final List<Cell> cells = new ArrayList<>();
    for (Path cell : cellFolders(folder.resolve("cells"))) {
      if (planned.hasPlan() && !planned.names("cells").contains(cell.getFileName().toString())) {
        continue; // of a variant that was taken out of the experiment, or half done
      }
      final Path timings = cell.resolve(TIMINGS);
      cells.add(
          new Cell(
              cell.getFileName().toString(),
              CellRecord.read(cell.resolve(RESULT)),
              Files.exists(timings) ? Optional.of(CellTimings.read(timings)) : Optional.empty()));
    }
    final String name = String.valueOf(folder.toAbsolutePath().normalize().getFileName());
    final RunFolder unsorted = new RunFolder(name, cells, manifest, sha256);
    cells.sort(CellOrder.of(List.of(unsorted)));
    return new RunFolder(name, cells, manifest, sha256);
  }

  private static String hash(Path file) {
    try {
      return Hashes.of(file);
    } catch (NoSuchFileException e) {
      throw BantamException.badInput(
          "There is no file " + file + ". Is its folder the run folder of an experiment?", e);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }

  private static List<Path> cellFolders(Path cells) {
    if (!Files.isDirectory(cells)) {
      throw BantamException.badInput(
          "There is no folder " + cells + ". Is its parent the run folder of an experiment?");
    }
    try (Stream<Path> all = Files.list(cells)) {
      return all.filter(cell -> Files.isRegularFile(cell.resolve(RESULT)))
          .sorted((a, b) -> a.getFileName().toString().compareTo(b.getFileName().toString()))
          .toList();
    } catch (IOException e) {
      throw BantamException.badInput("Cannot list " + cells + ": " + e.getMessage() + ".", e);
    }
  }

  /** Name of the folder, without where it is. */
  public String name() {
    return name;
  }

  /** The finished cells, sorted. */
  public List<Cell> cells() {
    return cells;
  }

  /** A copy of the manifest, an object. */
  public JsonNode manifest() {
    return manifest.deepCopy();
  }

  /** SHA-256 of {@code experiment.resolved.yaml}, 64 lower-case hex digits. */
  public String resolvedSha256() {
    return resolvedSha256;
  }

  /** Variants in the order of the manifest; empty if it does not name them. */
  List<String> variants() {
    return names("variants");
  }

  /** Whether the manifest lists the cells that the run was to have. */
  boolean hasPlan() {
    return manifest.path("cells").isArray();
  }

  /** Planned cells that have no result, in the manifest's order. */
  List<String> unfinished() {
    final Set<String> open = new LinkedHashSet<>(names("cells"));
    cells.forEach(cell -> open.remove(cell.folder()));
    return List.copyOf(open);
  }

  boolean isSmoke() {
    return manifest.path("smoke").asBoolean(false);
  }

  boolean isLimited() {
    return manifest.hasNonNull("limit");
  }

  private List<String> names(String key) {
    final List<String> names = new ArrayList<>();
    for (final JsonNode entry : manifest.path(key)) {
      names.add(entry.isObject() ? entry.path("name").asText() : entry.asText());
    }
    return names;
  }
}
