package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.ModelSource;
import dev.bantam.data.Examples;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.report.CellRecord;
import dev.bantam.runner.experiment.ResolvedExperiment;
import dev.bantam.tensor.Hashes;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** Makes the keys of an experiment's cells. */
final class Keys {
  private final Prepared prepared;
  private final Map<Task, Map<String, String>> hashes = new HashMap<>(); // looked up only

  Keys(Prepared prepared) {
    this.prepared = prepared;
  }

  /**
   * The key of a cell.
   *
   * @param records of finished cells, those that it needs among them
   */
  CellKey of(Cell cell, Map<Cell, CellRecord> records) {
    if (cell.isFineTuned()) {
      return fineTuned(cell);
    }
    return cell.isMerged()
        ? merged(cell, records)
        : compressed(cell, records.get(prepared.start(cell)));
  }

  /** The key of a fine-tuned cell: model, data and fine-tuning. */
  CellKey fineTuned(Cell cell) {
    final Map<String, String> fields = common(cell);
    final ModelSource model = cell.subject().model();
    fields.put("model_sha256", model.provenance().sha256());
    if (model instanceof Checkpoint encoder) { // the hash of a network is that of its structure too
      fields.put("architecture", encoder.architecture().toString());
      fields.put("head", encoder.head().map(Object::toString).orElse("none"));
      fields.put("pooling", encoder.pooling().name());
    }
    fields.put("max_length", Integer.toString(model.maxLength()));
    fields.put("tokenizer_sha256", model.tokenizer().map(t -> Hashes.of(t.file())).orElse("none"));
    fields.putAll(data(cell.subject().task()));
    fields.put("tune_examples", Integer.toString(cell.subject().tuneExamples()));
    fields.put(
        "finetune",
        cell.subject().task().kind().hasLabels()
            ? ResolvedExperiment.finetuning(prepared.finetune(cell))
            : "none");
    return new CellKey(fields);
  }

  /**
   * The key of a compressed cell: the fine-tuned model it starts from, and the steps.
   *
   * @param start the record of that model's cell
   */
  CellKey compressed(Cell cell, CellRecord start) {
    final Map<String, String> fields = common(cell);
    fields.put("draw", Integer.toString(cell.draw()));
    fields.put("dense_key", start.key());
    fields.put("dense_sha256", start.result().orElseThrow().size().sha256());
    fields.put("steps", ResolvedExperiment.steps(cell.variant()));
    if (cell.isDelta()) {
      fields.put("delta", ResolvedExperiment.delta(cell.variant()));
      fields.put("base_sha256", prepared.base(cell).provenance().sha256());
    }
    return new CellKey(fields);
  }

  /** The key of a merged cell: the source, the fine-tuned models, and how they are merged. */
  private CellKey merged(Cell cell, Map<Cell, CellRecord> records) {
    final Map<String, String> fields = common(cell);
    final CellRecord own = records.get(prepared.dense(cell)); // whose head it has
    fields.put("draw", Integer.toString(cell.draw()));
    fields.put("model_sha256", cell.subject().model().provenance().sha256());
    fields.put("dense_key", own.key());
    fields.put("dense_sha256", own.result().orElseThrow().size().sha256());
    for (Cell input : prepared.inputs(cell)) {
      final String task = input.subject().task().name();
      final CellRecord record = records.get(input);
      fields.put("input " + task, record.key());
      fields.put("input_sha256 " + task, record.result().orElseThrow().size().sha256());
    }
    fields.put("merge", ResolvedExperiment.merge(cell.variant()));
    return new CellKey(fields);
  }

  private Map<String, String> common(Cell cell) {
    final Map<String, String> fields = new LinkedHashMap<>();
    fields.put("bantam", Version.TEXT);
    fields.put("experiment", prepared.experiment().name());
    fields.put("model", cell.subject().model().name());
    fields.put("task", cell.subject().task().name());
    fields.put("variant", cell.variant().name());
    fields.put("seed", Long.toString(cell.seed()));
    fields.put("kind", cell.subject().task().kind().name());
    fields.put("metric", cell.subject().task().metric().id());
    fields.put("evaluate", ResolvedExperiment.evaluate(prepared.experiment()));
    fields.put("evaluated_examples", Integer.toString(cell.subject().examples(prepared.split())));
    return fields;
  }

  private Map<String, String> data(Task task) {
    return hashes.computeIfAbsent(
        task,
        t -> {
          final Map<String, String> fields = new LinkedHashMap<>();
          for (Split split : Split.values()) {
            fields.put(split.id() + "_sha256", Examples.sha256(t.examples(split)));
          }
          fields.put("labels", String.join(",", t.labels()));
          return fields;
        });
  }
}
