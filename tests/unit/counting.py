"""A model that tells how often it was asked, for tests of what computes many requests together."""

from headgate.models.formats import Matrix
from headgate.models.loading import Loaded, Predictions


class Counting(Loaded):
    """A model that counts its calls."""

    def __init__(self, other: Loaded) -> None:
        self.__dict__ |= vars(other)
        self.rows: list[int] = []

    def predict_matrix(self, matrix: Matrix) -> Predictions:
        """Note how many rows it is asked for."""
        self.rows.append(len(matrix))
        return super().predict_matrix(matrix)
