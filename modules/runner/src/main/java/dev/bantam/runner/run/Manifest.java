package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.ModelSource;
import dev.bantam.data.Examples;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Set;

/** The manifest of a run: what went in, by name and hash, and where and with what it ran. */
final class Manifest {
  static final String FILE = "manifest.json";

  private Manifest() {}

  static ObjectNode of(Prepared prepared, RunOptions options, String command) {
    final ObjectNode manifest = Json.object();
    manifest.put("bantam", Version.TEXT);
    manifest.put("experiment", prepared.experiment().name());
    manifest.put("started", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    manifest.put("command", command);
    if (options.smoke()) {
      manifest.put("smoke", true);
    }
    options.limit().ifPresent(limit -> manifest.put("limit", limit));
    manifest.put("threads", options.threads());
    Machine.description().forEach(manifest::put);
    final ArrayNode models = manifest.putArray("models");
    final ArrayNode tasks = manifest.putArray("tasks");
    final Set<ModelSource> seenModels = identitySet();
    final Set<Task> seenTasks = identitySet();
    for (Subject subject : prepared.subjects()) {
      if (seenModels.add(subject.model())) {
        model(models.addObject(), subject.model());
      }
      if (seenTasks.add(subject.task())) {
        task(tasks.addObject(), subject.task());
      }
    }
    final ArrayNode seeds = manifest.putArray("seeds");
    prepared.experiment().seeds().forEach(seeds::add);
    manifest.put("draws", prepared.experiment().draws());
    final ArrayNode variants = manifest.putArray("variants");
    prepared.experiment().variants().forEach(v -> variants.add(v.name()));
    final ArrayNode cells = manifest.putArray("cells");
    prepared.cells().forEach(c -> cells.add(c.name()));
    manifest.putArray("calibration");
    return manifest;
  }

  private static <T> Set<T> identitySet() {
    return java.util.Collections.newSetFromMap(new java.util.IdentityHashMap<>());
  }

  private static void model(ObjectNode node, ModelSource model) {
    node.put("name", model.name());
    node.put("source", model.provenance().source());
    node.put("licence", model.provenance().licence());
    node.put("sha256", model.provenance().sha256());
    node.put("attribution", model.provenance().attribution());
  }

  private static void task(ObjectNode node, Task task) {
    node.put("name", task.name());
    node.put("source", task.provenance().source());
    node.put("licence", task.provenance().licence());
    node.put("attribution", task.provenance().attribution());
    node.put("metric", task.metric().id());
    final ObjectNode splits = node.putObject("splits");
    for (Split split : Split.values()) {
      splits
          .putObject(split.id())
          .put("rows", task.examples(split).size())
          .put("sha256", Examples.sha256(task.examples(split)));
    }
  }

  static void write(Path run, ObjectNode manifest) {
    Json.write(run.resolve(FILE), manifest);
  }
}
