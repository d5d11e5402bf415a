package dev.bantam.runner.run;

import dev.bantam.export.PackedFile;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The weights that the steps of some cells begin with, those of one cell at a time. */
final class StartWeights implements AutoCloseable {
  private final Function<Cell, Path> files;
  private final Map<String, INDArray> tensors = new LinkedHashMap<>();
  private Cell cell;

  /**
   * @param files the packed weights of finished cells
   */
  StartWeights(Function<Cell, Path> files) {
    this.files = files;
  }

  /** Those of a finished cell; they are freed with the next one. */
  Map<String, INDArray> of(Cell start) {
    if (!start.equals(cell)) {
      close();
      tensors.putAll(PackedFile.read(files.apply(start)).dense());
      cell = start;
    }
    return tensors;
  }

  @Override
  public void close() {
    Bench.free(tensors);
    tensors.clear();
    cell = null;
  }
}
