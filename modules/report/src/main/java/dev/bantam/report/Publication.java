package dev.bantam.report;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.tensor.BantamException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The rules for reports that are committed: complete runs on full data, from a known commit. */
final class Publication {
  private static final String COMMIT = "commit";

  private final List<RunFolder> runs;
  private final String name;
  private final ReportContext context;

  Publication(List<RunFolder> runs, String name, ReportContext context) {
    this.runs = runs;
    this.name = name;
    this.context =
        context.title().isBlank()
            ? new ReportContext(
                name, context.commandToReproduce(), context.version(), context.commit())
            : context;
  }

  /**
   * @throws BantamException (bad input) with all that stands against publishing
   */
  Report checked() {
    final List<String> problems = new ArrayList<>();
    if (!name.matches("[A-Za-z0-9][A-Za-z0-9._+-]*")) {
      problems.add(
          "the name '" + name + "' is not a plain folder name of letters, digits and . _ + -");
    }
    if (runs.isEmpty()) {
      problems.add("no run was named");
    }
    runs.forEach(run -> check(run, problems));
    if (problems.isEmpty()) {
      final Report report = Report.of(runs, context);
      report.summary().notes().forEach(note -> problems.add(note.replaceAll("\\.$", "")));
      if (problems.isEmpty()) {
        return report;
      }
    }
    throw BantamException.badInput(
        "The report '" + name + "' cannot be published:\n- " + String.join("\n- ", problems));
  }

  private void check(RunFolder run, List<String> problems) {
    final String who = "the run " + run.name();
    if (run.isSmoke()) {
      problems.add(who + " is a smoke run; run the experiment without --smoke");
    }
    if (run.isLimited()) {
      problems.add(who + " used only some of the rows; run the experiment without --limit");
    }
    if (!run.hasPlan()) {
      problems.add(who + " has no list 'cells' in its manifest, so that nothing tells its end");
    }
    final List<String> unfinished = unfinished(run);
    if (!unfinished.isEmpty()) {
      problems.add(
          who
              + " is not finished, there is no result for "
              + String.join(", ", unfinished)
              + "; run the experiment again to complete it");
    }
    for (RunFolder.Cell cell : run.cells()) {
      cell.record()
          .error()
          .ifPresent(
              error -> problems.add(who + ": the cell " + cell.folder() + " failed: " + error));
    }
    if (commit(run).isEmpty()) {
      problems.add(who + " names no commit; publish from a clone of the repository");
    }
  }

  /** Planned cells that neither a run nor another part of its experiment has. */
  private List<String> unfinished(RunFolder run) {
    final Set<String> open = new LinkedHashSet<>(run.unfinished());
    for (RunFolder part : runs) {
      if (part.resolvedSha256().equals(run.resolvedSha256())) {
        part.cells().forEach(cell -> open.remove(cell.folder()));
      }
    }
    return List.copyOf(open);
  }

  private Optional<String> commit(RunFolder run) {
    return context
        .commit()
        .or(() -> Optional.ofNullable(run.manifest().path(COMMIT).textValue()))
        .filter(commit -> !commit.isBlank());
  }

  /** The run's own with commit and hash; for several runs all of them under {@code runs}. */
  ObjectNode manifest() {
    if (runs.size() == 1) {
      return manifest(runs.get(0));
    }
    final ObjectNode merged = Json.object();
    final ArrayNode all = merged.putArray("runs");
    runs.forEach(run -> all.add(manifest(run)));
    return merged;
  }

  private ObjectNode manifest(RunFolder run) {
    final ObjectNode manifest = (ObjectNode) run.manifest();
    commit(run).ifPresent(commit -> manifest.put(COMMIT, commit));
    manifest.put("resolved_sha256", run.resolvedSha256());
    return manifest;
  }
}
