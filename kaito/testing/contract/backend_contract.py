"""x"""


class BackendContract: ...
