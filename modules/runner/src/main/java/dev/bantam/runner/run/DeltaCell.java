package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.compression.TensorSelector;
import dev.bantam.data.TokenizedExample;
import dev.bantam.deltamerging.DeltaCoding;
import dev.bantam.deltamerging.DeltaFile;
import dev.bantam.deltamerging.MergeStatistics;
import dev.bantam.export.PackedFile;
import dev.bantam.report.SizePart;
import dev.bantam.report.StepRecord;
import dev.bantam.report.StoredSize;
import dev.bantam.runner.experiment.DeltaSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A fine-tuned model stored as its differences to a base, and read back. */
final class DeltaCell {
  private static final int BATCH = 32;

  private final DeltaSpec spec;
  private final Checkpoint base;
  private final Bench bench;

  /**
   * @param base what the differences are taken to
   * @param bench of the cell's subject
   */
  DeltaCell(DeltaSpec spec, Checkpoint base, Bench bench) {
    this.spec = spec;
    this.base = base;
    this.bench = bench;
  }

  /**
   * A file written and read back.
   *
   * @param weights what it gives; owned by the caller
   */
  record Stored(StoredSize size, Map<String, INDArray> weights, StepRecord record) {}

  /**
   * Writes a model.
   *
   * @param tuned its weights; not changed
   * @param seed of the run, as written
   * @param drawn seed of the mask
   */
  Stored store(Path file, Map<String, INDArray> tuned, long seed, long drawn) {
    final DeltaCoding coding = spec.coding(drawn);
    final Map<String, INDArray> moments = moments(tuned, seed);
    final DeltaFile.Sizes sizes =
        DeltaFile.write(
            file,
            new DeltaFile.BaseModel(base.name(), base.provenance().sha256()),
            coding,
            base.parameters(),
            tuned,
            moments,
            bench.workers());
    Bench.free(moments);
    final Map<String, INDArray> restored = new LinkedHashMap<>();
    try (DeltaFile read = DeltaFile.open(file)) {
      tuned.keySet().forEach(name -> restored.put(name, read.tensor(name, base.parameters())));
    }
    return new Stored(
        size(sizes, tuned, file),
        restored,
        Records.delta(spec, base.name(), sizes, tuned, restored));
  }

  private Map<String, INDArray> moments(Map<String, INDArray> tuned, long seed) {
    if (spec.examples() == 0) {
      return Map.of();
    }
    bench.load(tuned);
    final List<TokenizedExample> rows = bench.train(OptionalInt.of(spec.examples()), seed);
    return MergeStatistics.moments(
        bench.model(),
        MergeEvidence.batches(rows, BATCH),
        tuned.keySet().stream().filter(TensorSelector::isEncoderMatrix).toList());
  }

  private static StoredSize size(DeltaFile.Sizes sizes, Map<String, INDArray> tuned, Path file) {
    final Map<String, Map<String, Long>> groups = new TreeMap<>();
    long encoder = 0;
    for (DeltaFile.StoredPart part : sizes.parts()) {
      final String group = PackedFile.group(part.tensor());
      groups
          .computeIfAbsent(group, g -> new TreeMap<>())
          .merge(part.kind().id(), part.bytes(), Long::sum);
      encoder += TensorSelector.isEncoderMatrix(part.tensor()) ? part.bytes() : 0;
    }
    final List<SizePart> parts = new ArrayList<>();
    groups.forEach(
        (group, kinds) -> kinds.forEach((kind, n) -> parts.add(new SizePart(group, kind, n))));
    parts.add(new SizePart("file", "header", sizes.header()));
    return new StoredSize(
        tuned.values().stream().mapToLong(INDArray::length).sum(),
        tuned.entrySet().stream()
            .filter(e -> TensorSelector.isEncoderMatrix(e.getKey()))
            .mapToLong(e -> e.getValue().length())
            .sum(),
        encoder,
        sizes.total(),
        parts,
        SafetensorsFile.sha256(file));
  }
}
